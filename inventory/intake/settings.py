"""How the broker is reached, and who is listened to there."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from station.domain.broker_settings import BrokerSettings
from station.messages.topics import TopicLevel, Topics


class MqttSettings(BrokerSettings):
    """The site's broker, and under which name it keeps what has come."""

    client_id: str = Field(
        "reflash-inventory",
        min_length=1,
        max_length=128,
        description="MQTT client id: the broker keeps under it what has come and was not acknowledged",
    )
    keepalive_seconds: Annotated[int, Field(ge=5, le=3600)] = Field(
        15, description="silence after which a dead broker is noticed"
    )
    timeout_seconds: Annotated[float, Field(gt=0, le=60)] = Field(
        10.0, description="how long the broker may take for one answer before it is connected to anew"
    )


class StationSettings(BaseModel):
    """One station that is listened to."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    site: TopicLevel = Field(description="its site's name, as the station's own configuration has it")
    station: TopicLevel = Field(description="its name at the site, the same")

    @property
    def topics(self) -> Topics:
        """Where it writes to."""
        return Topics(self.site, self.station)
