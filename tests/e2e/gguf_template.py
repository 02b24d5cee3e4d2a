"""A copy of a GGUF file with another chat template: models of any family and size then speak in the form that a test needs."""

import struct

KEY = b"tokenizer.chat_template"
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}  # of scalars, by their type
STRING, ARRAY = 8, 9
ALIGNMENT = 32


class Header:
    """Finds its way through the header of a file; `at` is the place."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self, form):
        value, = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize(form)
        return value

    def string(self):
        length = self.number("Q")
        self.at += length
        return self.data[self.at - length:self.at]

    def skip_value(self, kind):
        if kind == STRING:
            self.string()
        elif kind == ARRAY:
            kind, count = self.number("I"), self.number("Q")
            if kind == STRING:
                for _ in range(count):
                    self.string()
            else:
                self.at += SIZES[kind] * count
        else:
            self.at += SIZES[kind]


def write_with_template(source, target, template):
    """`target` is `source` (a file with a chat template and the usual alignment) with `template` in place of its own."""
    data = source.read_bytes()
    header = Header(data)
    header.at = 8
    tensors, values = header.number("Q"), header.number("Q")
    cut = None
    for _ in range(values):
        key, kind = header.string(), header.number("I")
        begin = header.at
        header.skip_value(kind)
        if key == KEY:
            cut = begin, header.at
    assert cut, f"{source} has no chat template"
    for _ in range(tensors):
        header.string()
        dimensions = header.number("I")
        header.at += 8 * dimensions + 4 + 8  # their sizes, the format, the place
    new = template.encode()
    head = data[:cut[0]] + struct.pack("<Q", len(new)) + new + data[cut[1]:header.at]
    tensor_data = -(-header.at // ALIGNMENT) * ALIGNMENT
    target.write_bytes(head + b"\0" * (-len(head) % ALIGNMENT) + data[tensor_data:])
