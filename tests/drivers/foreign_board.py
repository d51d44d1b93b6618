"""A jig's board played by a Modbus RTU server that somebody else wrote, as a process of its own.

    python foreign_board.py {libmodbus,modbus-tk,umodbus,pymodbus} PORT

The library answers; what is done here is what the board's own program would do: it counts its scans, measures what its
slots draw, and holds what hands do. Addresses are those of docs/jig-board.md, and nothing counts insertions. Each line
read is a JSON object, `{"presence": [3], "stop": false}`, and is answered by what the station has written.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import select
import sys
import threading
from functools import partial
from typing import Protocol

COILS, INPUTS, HOLDING, MEASURED = "coils", "inputs", "holding", "measured"
SIZES = {COILS: 8, INPUTS: 11, HOLDING: 9, MEASURED: 13}
SLOTS = 8
STOP = 10
SUPPLY, SCAN_COUNTER, SERIAL_NUMBER, FIRMWARE = 8, 9, 10, 12
SCAN_SECONDS = 0.01


class Tables(Protocol):
    """The four tables of a Modbus server."""

    def put(self, table: str, address: int, value: int) -> None: ...

    def get(self, table: str) -> list[int]: ...


class LibModbus:
    """The C library, through ctypes: a mapping is four arrays, which its server reads and writes."""

    class _Mapping(ctypes.Structure):
        _fields_ = (
            *(
                (f"{name}_{kind}", ctypes.c_int)
                for kind in ("bits", "input_bits")
                for name in ("nb", "start")
            ),
            *(
                (f"{name}_{kind}", ctypes.c_int)
                for kind in ("input_registers", "registers")
                for name in ("nb", "start")
            ),
            (COILS, ctypes.POINTER(ctypes.c_uint8)),
            (INPUTS, ctypes.POINTER(ctypes.c_uint8)),
            (MEASURED, ctypes.POINTER(ctypes.c_uint16)),
            (HOLDING, ctypes.POINTER(ctypes.c_uint16)),
        )

    def __init__(self, port: str) -> None:
        self._library = library = ctypes.CDLL("libmodbus.so.5")
        library.modbus_new_rtu.restype = ctypes.c_void_p
        library.modbus_mapping_new.restype = ctypes.POINTER(self._Mapping)
        self._context = ctypes.c_void_p(
            library.modbus_new_rtu(port.encode(), 115200, ctypes.c_char(b"N"), 8, 1)
        )
        sizes = (SIZES[table] for table in (COILS, INPUTS, HOLDING, MEASURED))
        self._mapping = library.modbus_mapping_new(*sizes)
        library.modbus_set_slave(self._context, 1)
        if library.modbus_connect(self._context) != 0:
            raise SystemExit(f"libmodbus does not open {port}")
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        question = (ctypes.c_uint8 * 256)()
        while True:
            length = self._library.modbus_receive(self._context, question)
            if length > 0:
                self._library.modbus_reply(self._context, question, length, self._mapping)

    def put(self, table: str, address: int, value: int) -> None:
        getattr(self._mapping.contents, table)[address] = value

    def get(self, table: str) -> list[int]:
        return getattr(self._mapping.contents, table)[: SIZES[table]]


class ModbusTk:
    def __init__(self, port: str) -> None:
        import serial  # noqa: PLC0415 - each library is loaded by the process that it serves
        from modbus_tk import defines  # noqa: PLC0415
        from modbus_tk.modbus_rtu import RtuServer  # noqa: PLC0415

        server = RtuServer(serial.Serial(port, 115200))
        self._slave = server.add_slave(1)
        kinds = {
            COILS: defines.COILS,
            INPUTS: defines.DISCRETE_INPUTS,
            HOLDING: defines.HOLDING_REGISTERS,
            MEASURED: defines.ANALOG_INPUTS,
        }
        for table, kind in kinds.items():
            self._slave.add_block(table, kind, 0, SIZES[table])
        server.start()

    def put(self, table: str, address: int, value: int) -> None:
        self._slave.set_values(table, address, [value])

    def get(self, table: str) -> list[int]:
        return list(self._slave.get_values(table, 0, SIZES[table]))


class UModbus:
    def __init__(self, port: str) -> None:
        import serial  # noqa: PLC0415
        from umodbus.server.serial import get_server  # noqa: PLC0415
        from umodbus.server.serial.rtu import RTUServer  # noqa: PLC0415

        self._values = {table: [0] * size for table, size in SIZES.items()}
        server = get_server(RTUServer, serial.Serial(port, 115200))
        for table, functions in {COILS: [1], INPUTS: [2], HOLDING: [3], MEASURED: [4]}.items():
            route = server.route(slave_ids=[1], function_codes=functions, addresses=list(range(SIZES[table])))
            route(partial(self._read, table))
        for table, functions in {COILS: [5], HOLDING: [6]}.items():
            route = server.route(slave_ids=[1], function_codes=functions, addresses=list(range(SIZES[table])))
            route(partial(self._write, table))
        # It answers what it has heard when this time is over, and not before: half a second unless told.
        threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()

    def _read(self, table: str, *, address: int, **_: int) -> int:
        return self._values[table][address]

    def _write(self, table: str, *, address: int, value: int, **_: int) -> None:
        self.put(table, address, value)

    def put(self, table: str, address: int, value: int) -> None:
        self._values[table][address] = value

    def get(self, table: str) -> list[int]:
        return list(self._values[table])


class PyModbus:
    _FUNCTIONS = {COILS: 1, INPUTS: 2, HOLDING: 3, MEASURED: 4}  # noqa: RUF012

    def __init__(self, port: str) -> None:
        from pymodbus.server import ModbusSerialServer  # noqa: PLC0415
        from pymodbus.simulator import DataType, SimData, SimDevice  # noqa: PLC0415

        blocks = {
            table: [SimData(0, count=size, values=False, datatype=DataType.BITS)]
            if table in {COILS, INPUTS}
            else [SimData(0, count=size, values=0, datatype=DataType.REGISTERS)]
            for table, size in SIZES.items()
        }
        device = SimDevice(1, (blocks[COILS], blocks[INPUTS], blocks[HOLDING], blocks[MEASURED]))
        self._loop = asyncio.new_event_loop()
        listening = threading.Event()

        async def serve() -> None:
            self._server = ModbusSerialServer(device, port=port, baudrate=115200)
            await self._server.serve_forever(background=True)
            listening.set()

        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        asyncio.run_coroutine_threadsafe(serve(), self._loop).result()
        listening.wait()

    def put(self, table: str, address: int, value: int) -> None:
        values = [bool(value)] if table in {COILS, INPUTS} else [value]
        self._do(self._server.context.async_setValues(1, self._FUNCTIONS[table], address, values))

    def get(self, table: str) -> list[int]:
        return self._do(self._server.context.async_getValues(1, self._FUNCTIONS[table], 0, SIZES[table]))

    def _do(self, call):
        return asyncio.run_coroutine_threadsafe(call, self._loop).result()


LIBRARIES = {"libmodbus": LibModbus, "modbus-tk": ModbusTk, "umodbus": UModbus, "pymodbus": PyModbus}


def main(library: str, port: str) -> None:
    tables: Tables = LIBRARIES[library](port)
    tables.put(MEASURED, SUPPLY, 12_000)
    tables.put(MEASURED, SERIAL_NUMBER + 1, 1001)
    tables.put(MEASURED, FIRMWARE, 0x0104)
    scans = 0
    print(json.dumps({"ready": True}), flush=True)
    while True:
        scans += 1
        tables.put(MEASURED, SCAN_COUNTER, scans % 0x10000)
        seated = tables.get(INPUTS)
        for slot, powered in enumerate(tables.get(COILS)):
            tables.put(MEASURED, slot, 150 if powered and seated[slot] else 2)
        if not select.select([sys.stdin], [], [], SCAN_SECONDS)[0]:
            continue
        line = sys.stdin.readline()
        if not line:
            os._exit(0)  # not every library ends its threads
        hands = json.loads(line)
        for slot in range(SLOTS):
            tables.put(INPUTS, slot, slot + 1 in hands["presence"])
        tables.put(INPUTS, STOP, hands["stop"])
        print(json.dumps({table: tables.get(table) for table in (COILS, HOLDING)}), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
