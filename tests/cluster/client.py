"""A client of dqlite's wire protocol, as much of it as the tests need.

    client = Client("127.0.0.1:9001")      a connection to one node
    client.open("app.db")
    client.execute("INSERT INTO t VALUES (?)", 1)      (last id, rows affected)
    client.query("SELECT * FROM t")                    list of tuples

Messages are words of eight bytes, little endian: a header (words in the body,
type, schema) and a body of numbers, texts (zero terminated, padded) and tuples
(a byte for the count, one for each type, padded, then the values).
"""
import socket
import struct

LEADER, CLIENT, OPEN, EXEC_SQL, QUERY_SQL = 0, 1, 3, 8, 9
ADD, ASSIGN, REMOVE, CLUSTER, TRANSFER = 12, 13, 14, 16, 17
FAILURE, SERVER, WELCOME, SERVERS, DB, RESULT, ROWS, EMPTY = 0, 1, 2, 3, 4, 6, 7, 8
INTEGER, FLOAT, TEXT, BLOB, NULL, UNIXTIME, ISO8601, BOOLEAN = 1, 2, 3, 4, 5, 9, 10, 11
END, PART = 0xFFFFFFFFFFFFFFFF, 0xEEEEEEEEEEEEEEEE
VOTER = 0


class Failure(Exception):
    """What a node answered: (code, message)."""


def padded(data):
    return data + b"\0" * (-len(data) % 8)


def word(value):
    return struct.pack("<Q", value)


def text(value):
    return padded(value.encode() + b"\0")


def params(values):
    types, body = bytearray([len(values)]), b""
    for value in values:
        if value is None:
            types.append(NULL)
            body += word(0)
        elif isinstance(value, int):
            types.append(INTEGER)
            body += struct.pack("<q", value)
        elif isinstance(value, float):
            types.append(FLOAT)
            body += struct.pack("<d", value)
        else:
            types.append(TEXT)
            body += text(value)
    return padded(bytes(types)) + body if values else b""


class Body:
    def __init__(self, data):
        self.data, self.at = data, 0

    def word(self, form="<Q"):
        value, = struct.unpack_from(form, self.data, self.at)
        self.at += 8
        return value

    def text(self):
        end = self.data.index(b"\0", self.at)
        value = self.data[self.at:end].decode()
        self.at = end + 1
        self.at += -self.at % 8
        return value

    def value(self, kind):
        if kind in (INTEGER, UNIXTIME):
            return self.word("<q")
        if kind == FLOAT:
            return self.word("<d")
        if kind in (TEXT, ISO8601):
            return self.text()
        if kind == BLOB:
            size = self.word()
            value = self.data[self.at:self.at + size]
            self.at += size + -size % 8
            return value
        number = self.word()
        return None if kind == NULL else bool(number)


class Client:
    def __init__(self, address, timeout=10):
        host, port = address.split(":")
        self.address = address
        self.socket = socket.create_connection((host, int(port)), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.sendall(word(1))
        self.db = None
        self.call(CLIENT, word(0), WELCOME)

    def close(self):
        self.socket.close()

    def receive(self, size):
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            if not more:
                raise ConnectionError("the node is gone")
            data += more
        return data

    def answer(self, expected):
        words, kind, _, _ = struct.unpack("<IBBH", self.receive(8))
        body = Body(self.receive(words * 8))
        if kind == FAILURE:
            code = body.word()
            raise Failure(code, body.text())
        if kind != expected:
            raise Failure(0, "answer %d, expected %d" % (kind, expected))
        return body

    def call(self, kind, body, expected):
        self.socket.sendall(struct.pack("<IBBH", len(body) // 8, kind, 0, 0) + body)
        return self.answer(expected)

    def leader(self):
        """The leader's address, "" while there is none."""
        body = self.call(LEADER, word(0), SERVER)
        body.word()
        return body.text()

    def open(self, name):
        body = self.call(OPEN, text(name) + word(0) + text("volatile"), DB)
        self.db, = struct.unpack_from("<I", body.data)

    def execute(self, sql, *values):
        body = self.call(EXEC_SQL, word(self.db) + text(sql) + params(values), RESULT)
        return body.word(), body.word()

    def query(self, sql, *values):
        body = self.call(QUERY_SQL, word(self.db) + text(sql) + params(values), ROWS)
        rows = []
        while not self.rows(body, rows):
            body = self.answer(ROWS)
        return rows

    @staticmethod
    def rows(body, out):
        """Read the rows of one message: True if they were the last."""
        columns = body.word()
        for _ in range(columns):
            body.text()
        while True:
            mark = body.word()
            if mark == END:
                return True
            if mark == PART:
                return False
            body.at -= 8
            size = (columns + 1) // 2
            head = body.data[body.at:body.at + size]
            body.at += size + -size % 8
            kinds = [head[i // 2] >> (4 * (i % 2)) & 15 for i in range(columns)]
            out.append(tuple(body.value(kind) for kind in kinds))

    def add(self, node, address):
        self.call(ADD, word(node) + text(address), EMPTY)
        self.call(ASSIGN, word(node) + word(VOTER), EMPTY)

    def transfer(self, node):
        self.call(TRANSFER, word(node), EMPTY)
