"""bleak's scanner over an HCI controller.

Owns the translation of an advertisement into bleak's words. Must not know what the services
mean.

Invariant: every advertisement is reported, repeated ones too, because a device that
advertises again has something new to deliver.
"""

from __future__ import annotations

from typing import Any, ClassVar, Final, Literal
from uuid import UUID

from bleak.backends.scanner import (
    AdvertisementData,
    AdvertisementDataCallback,
    BaseBleakScanner,
)
from bumble import core
from bumble.device import Advertisement

from gateway.radio.hci import HciAdapter

_KIND: Final = core.AdvertisingData.Type
_UUID_LISTS: Final = (
    _KIND.COMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    _KIND.INCOMPLETE_LIST_OF_16_BIT_SERVICE_CLASS_UUIDS,
    _KIND.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
    _KIND.INCOMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS,
)
_NO_TX_POWER: Final = 127


class BumbleScanner(BaseBleakScanner):
    """A scanner; `scanner_backend` binds it to an adapter."""

    adapter: ClassVar[HciAdapter]

    def __init__(
        self,
        detection_callback: AdvertisementDataCallback | None,
        service_uuids: list[str] | None,
        scanning_mode: Literal["active", "passive"] = "active",
        **_kwargs: Any,
    ) -> None:
        super().__init__(detection_callback, service_uuids)
        self._active = scanning_mode == "active"

    async def start(self) -> None:
        """Start scanning."""
        self.seen_devices = {}
        await self.adapter.start_scanning(self._on_advertisement, active=self._active)

    async def stop(self) -> None:
        """Stop scanning; harmless when the adapter is gone."""
        await self.adapter.stop_scanning(self._on_advertisement)

    def _on_advertisement(self, advertisement: Advertisement) -> None:
        data = translate(advertisement)
        # Filtered before it is remembered: a gateway scans for months among strangers' phones.
        if not self.is_allowed_uuid(data.service_uuids):
            return
        address = advertisement.address.to_string(with_type_qualifier=False)
        device = self.create_or_update_device(
            address, address, data.local_name, advertisement.address, data
        )
        self.call_detection_callbacks(device, data)


def scanner_backend(adapter: HciAdapter) -> type[BumbleScanner]:
    """Make the class that ``BleakScanner(backend=...)`` wants, bound to `adapter`."""
    return type("BumbleScanner", (BumbleScanner,), {"adapter": adapter})


def translate(advertisement: Advertisement) -> AdvertisementData:
    """Put an advertisement into bleak's words."""
    data = advertisement.data
    names = data.get_all(_KIND.COMPLETE_LOCAL_NAME) or data.get_all(_KIND.SHORTENED_LOCAL_NAME)
    uuids = [uuid for kind in _UUID_LISTS for found in data.get_all(kind) for uuid in found]
    services = data.get_all(_KIND.SERVICE_DATA_16_BIT_UUID) + data.get_all(
        _KIND.SERVICE_DATA_128_BIT_UUID
    )
    tx_power = None if advertisement.tx_power == _NO_TX_POWER else advertisement.tx_power
    return AdvertisementData(
        local_name=names[0] if names else None,
        manufacturer_data=dict(data.get_all(_KIND.MANUFACTURER_SPECIFIC_DATA)),
        service_data={uuid_text(uuid): value for uuid, value in services},
        # A scan response may repeat the advertisement.
        service_uuids=list(dict.fromkeys(map(uuid_text, uuids))),
        tx_power=tx_power,
        rssi=advertisement.rssi,
        platform_data=(advertisement,),
    )


def uuid_text(uuid: core.UUID) -> str:
    """Write a UUID as bleak does: 128 bits, lower case, with dashes."""
    return str(UUID(bytes=uuid.to_bytes(force_128=True)[::-1]))
