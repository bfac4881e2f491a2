"""The words that prompts of common tasks are seen with, as data."""

# ruff: noqa: SIM905 - lists of words are easier to read, and to add to, as text

from collections.abc import Mapping
from typing import Literal, NamedTuple

Language = Literal["en", "zh"]

ROLES: Mapping[str, frozenset[str]] = {
    "question": frozenset({"question", "query", "ask", "q", "问题", "提问", "问"}),
    "text": frozenset(
        "text sentence review comment message passage article news input headline title document context paragraph "
        "post tweet email utterance snippet description content body source background report story statement "
        "文本 句子 评论 点评 留言 消息 段落 文章 新闻 标题 上下文 材料 内容 正文 报道 输入".split()
    ),
    "sentiment": frozenset("sentiment opinion feeling tone mood polarity attitude 情感 态度 评价 情绪 倾向".split()),
    "topic": frozenset("topic category section subject genre domain theme 主题 类别 分类 栏目 话题".split()),
    "answer": frozenset("answer response reply a 答案 回答 答".split()),
    "label": frozenset("label class type kind intent tag 标签 类型 意图".split()),
}
"""What a field is for, by the names that fields of that sort are given."""


class Frame(NamedTuple):
    """Words that go together; empty if a field keeps its own."""

    output: str
    text: str = ""
    question: str = ""


FRAMES: Mapping[Language, Mapping[str, tuple[Frame, ...]]] = {
    "en": {
        "sentiment": (
            Frame("Sentiment", "Review"),
            Frame("Sentiment", "Sentence"),
            Frame("Sentiment", "Text"),
            Frame("Label", "Text"),
            Frame("Sentiment", "Comment"),
            Frame("Opinion", "Review"),
            Frame("Tone", "Message"),
            Frame("Feeling", "Comment"),
            Frame("The review is", "Review"),
            Frame("It was", "Review"),
            Frame("Output", "Input"),
        ),
        "topic": (
            Frame("Category", "Text"),
            Frame("Category", "Article"),
            Frame("Topic", "News"),
            Frame("Topic", "Text"),
            Frame("Category", "Headline"),
            Frame("Topic", "Article"),
            Frame("Category", "News"),
            Frame("Section", "Headline"),
            Frame("Subject", "Article"),
            Frame("Category", "Title"),
            Frame("This article is about", "Article"),
            Frame("Newspaper section", "Headline"),
            Frame("Label", "Text"),
        ),
        "answer": (
            Frame("Answer", "Passage", "Question"),
            Frame("Answer", "Text", "Question"),
            Frame("A", "Context", "Q"),
            Frame("Answer", "Paragraph", "Question"),
            Frame("A", "Passage", "Q"),
            Frame("Answer", "Context", "Question"),
            Frame("Short answer", "Passage", "Question"),
            Frame("Answer", "Article", "Question"),
            Frame("Answer", "Document", "Query"),
            Frame("A", "Text", "Q"),
            Frame("The answer is", "Passage", "Question"),
        ),
        "label": (
            Frame("Label", "Text"),
            Frame("Category", "Text"),
            Frame("Label", "Sentence"),
            Frame("Category", "Message"),
            Frame("Class", "Text"),
            Frame("Type", "Text"),
            Frame("Answer", "Text"),
            Frame("Output", "Input"),
        ),
        "other": (
            Frame("", "Text"),
            Frame("", "Passage"),
            Frame("", "Article"),
            Frame("Output", "Input"),
            Frame("Answer", "Text", "Question"),
        ),
    },
    "zh": {
        "sentiment": (
            Frame("情感", "评论"),
            Frame("情感", "文本"),
            Frame("情感倾向", "评论"),
            Frame("评价", "评论"),
            Frame("情感", "句子"),
            Frame("态度", "留言"),
            Frame("这条评论是", "评论"),
            Frame("输出", "输入"),
        ),
        "topic": (
            Frame("类别", "文本"),
            Frame("类别", "新闻"),
            Frame("主题", "文章"),
            Frame("分类", "标题"),
            Frame("栏目", "新闻"),
            Frame("主题", "文本"),
            Frame("这篇报道的主题是", "报道"),
        ),
        "answer": (
            Frame("答案", "文章", "问题"),
            Frame("答案", "段落", "问题"),
            Frame("答", "上下文", "问"),
            Frame("回答", "文本", "问题"),
            Frame("答", "材料", "问"),
            Frame("简短答案", "文章", "问题"),
        ),
        "label": (
            Frame("标签", "文本"),
            Frame("类别", "文本"),
            Frame("类别", "句子"),
            Frame("类型", "内容"),
            Frame("输出", "输入"),
        ),
        "other": (Frame("", "文本"), Frame("", "文章"), Frame("输出", "输入"), Frame("答案", "文本", "问题")),
    },
}
"""By the output's role, the most common first."""

ALIASES: Mapping[str, str] = {
    **dict.fromkeys(("neg", "消极", "负面", "差评", "负向"), "negative"),
    **dict.fromkeys(("pos", "积极", "正面", "好评", "正向"), "positive"),
    **dict.fromkeys(("中性", "中立", "neither"), "neutral"),
    **dict.fromkeys(("yes", "是", "对"), "true"),
    **dict.fromkeys(("no", "否", "错", "不是"), "false"),
    **dict.fromkeys(("tech", "sci/tech", "sci tech", "science/technology", "科技", "技术"), "technology"),
    **dict.fromkeys(("sport", "体育"), "sports"),
    **dict.fromkeys(("international", "world news", "国际", "世界"), "world"),
    **dict.fromkeys(("finance", "economy", "财经", "商业", "经济"), "business"),
    **dict.fromkeys(("政治", "时政"), "politics"),
    **dict.fromkeys(("娱乐",), "entertainment"),
    **dict.fromkeys(("健康", "医疗"), "health"),
    **dict.fromkeys(("科学",), "science"),
    **dict.fromkeys(("not spam", "legitimate", "正常"), "ham"),
    **dict.fromkeys(("垃圾", "垃圾邮件"), "spam"),
    **dict.fromkeys(("happiness", "happy", "高兴", "喜悦"), "joy"),
    **dict.fromkeys(("sad", "悲伤", "难过"), "sadness"),
    **dict.fromkeys(("angry", "愤怒", "生气"), "anger"),
    **dict.fromkeys(("non toxic", "nontoxic", "not toxic"), "harmless"),
}
"""The label that another one means."""

Family = tuple[Mapping[str, str], ...]
"""Sets of words for labels that go together, the most common first."""

VERBALIZERS: Mapping[Language, tuple[Family, ...]] = {
    "en": (
        (
            {
                "negative": "bad",
                "positive": "good",
                "neutral": "okay",
                "mixed": "mixed",
                "very negative": "terrible",
                "very positive": "excellent",
            },
            {"negative": "terrible", "positive": "great", "neutral": "okay", "mixed": "both"},
            {"negative": "awful", "positive": "wonderful", "neutral": "average", "mixed": "mixed"},
            {"negative": "sad", "positive": "happy", "neutral": "calm"},
            {"negative": "dislike", "positive": "like", "neutral": "indifferent"},
        ),
        (
            {"true": "true", "false": "false"},
            {"true": "yes", "false": "no"},
            {"true": "Yes", "false": "No"},
            {"true": "right", "false": "wrong"},
            {"true": "correct", "false": "incorrect"},
        ),
        (
            {
                "world": "World",
                "sports": "Sports",
                "business": "Business",
                "technology": "Tech",
                "politics": "Politics",
                "entertainment": "Entertainment",
                "health": "Health",
                "science": "Science",
            },
            {"world": "politics", "sports": "sports", "business": "business", "technology": "technology"},
            {"world": "International", "sports": "Sport", "business": "Economy", "technology": "Science"},
            {"world": "government", "sports": "football", "business": "money", "technology": "computers"},
        ),
        ({"spam": "junk", "ham": "normal"}, {"spam": "spam", "ham": "safe"}, {"spam": "yes", "ham": "no"}),
        (
            {"entailment": "yes", "contradiction": "no", "neutral": "maybe"},
            {"entailment": "true", "contradiction": "false", "neutral": "unknown"},
        ),
        (
            {
                "joy": "happy",
                "sadness": "sad",
                "anger": "angry",
                "fear": "afraid",
                "love": "loving",
                "surprise": "surprised",
                "disgust": "disgusted",
            },
        ),
        ({"toxic": "rude", "harmless": "polite"}, {"toxic": "yes", "harmless": "no"}),
        ({"objective": "fact", "subjective": "opinion"},),
        ({"1": "terrible", "2": "bad", "3": "okay", "4": "good", "5": "great"},),
    ),
    "zh": (
        (
            {"negative": "差", "positive": "好", "neutral": "一般"},
            {"negative": "不满", "positive": "满意", "neutral": "一般"},
            {"negative": "负面", "positive": "正面", "neutral": "中性"},
            {"negative": "差评", "positive": "好评", "neutral": "中评"},
            {"negative": "消极", "positive": "积极", "neutral": "中立"},
        ),
        (
            {"true": "是", "false": "否"},
            {"true": "对", "false": "错"},
            {"true": "正确", "false": "错误"},
        ),
        (
            {
                "world": "国际",
                "sports": "体育",
                "business": "财经",
                "technology": "科技",
                "politics": "政治",
                "entertainment": "娱乐",
                "health": "健康",
                "science": "科学",
            },
            {"world": "世界", "sports": "运动", "business": "经济", "technology": "技术"},
        ),
        ({"spam": "垃圾", "ham": "正常"},),
        ({"entailment": "是", "contradiction": "否", "neutral": "也许"},),
        ({"joy": "高兴", "sadness": "难过", "anger": "生气", "fear": "害怕", "surprise": "惊讶", "love": "喜爱"},),
        ({"1": "很差", "2": "差", "3": "一般", "4": "好", "5": "很好"},),
    ),
}
"""By family; labels of one family are what a field chooses between."""

UNANSWERABLE_WORDS: Mapping[Language, tuple[str, ...]] = {
    "en": ("not stated", "no answer", "unknown", "none", "unanswerable"),
    "zh": ("无法回答", "不知道", "未提及", "没有答案"),
}
"""What stands for `Unanswerable`, the most telling first."""

STOP_WORDS = frozenset(
    "a an the it its is are was were be this that these those there he she they we you i his her their our my your "
    "to of in on at by for with from as and or but not what which who how if so do does did has have had will would "
    "can could about one 的 了 是 在 我 你 他 她 它 这 那 有 和 就 也 都 很 不".split()
)
"""Words that any sentence may start with, which speak for no outcome."""
