"""Tell what a customer wants from a help desk."""

from typing import Literal

import dspy


class Intent(dspy.Signature):
    """Say what the customer wants from the help desk."""

    text: str = dspy.InputField(desc="a message to the help desk")
    intent: Literal[
        "account_close",
        "account_open",
        "account_update",
        "card_arrival",
        "card_blocked",
        "card_lost",
        "card_pin",
        "card_stolen",
        "delivery_address",
        "delivery_damaged",
        "delivery_late",
        "human_agent",
        "invoice_copy",
        "invoice_error",
        "login_code",
        "opening_hours",
        "order_cancel",
        "order_change",
        "order_status",
        "password_reset",
        "payment_failed",
        "payment_twice",
        "refund_request",
        "refund_status",
        "subscription_cancel",
        "subscription_upgrade",
    ] = dspy.OutputField()
