"""How the station reaches its MQTT broker."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from station.domain.broker_settings import BrokerSettings
from station.messages.result import ResultVersion


class MqttSettings(BrokerSettings):
    """Broker, credentials and TLS, and what is published in which form."""

    client_id: str | None = Field(
        None,
        min_length=1,
        max_length=128,
        description="MQTT client id; reflash-SITE-STATION unless given; the broker lets each be there once",
    )
    keepalive_seconds: Annotated[int, Field(ge=5, le=3600)] = Field(
        15, description="silence after which a dead broker is noticed, and its last will of us is told"
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        5.0, description="how long the broker may take for one answer before the station connects anew"
    )
    result_version: ResultVersion = Field(
        1, description="version of the results written from now on: 2 adds what the work order says"
    )
