package io.github.wandacuda.text;

import io.github.wandacuda.text.ThriftStruct.Elements;
import io.github.wandacuda.text.ThriftStruct.Entries;
import io.github.wandacuda.text.ThriftStruct.Field;
import io.github.wandacuda.text.ThriftStruct.ThriftType;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;

/** Writes structs of Thrift's compact protocol. */
final class ThriftOutput {
  private static final int LONGEST_STEP = 15;

  private final ByteArrayOutputStream out;

  ThriftOutput(ByteArrayOutputStream out) {
    this.out = out;
  }

  void struct(ThriftStruct struct) {
    int last = 0;
    for (Map.Entry<Integer, Field> entry : struct.fields().entrySet()) {
      int id = entry.getKey();
      int type = entry.getValue().type();
      int step = id - last;
      if (step > 0 && step <= LONGEST_STEP) {
        out.write(step << 4 | type);
      } else {
        out.write(type);
        zigzag(id);
      }
      last = id;
      if (type != ThriftType.TRUE && type != ThriftType.FALSE) {
        value(type, entry.getValue().value());
      }
    }
    out.write(0);
  }

  private void value(int type, Object value) {
    switch (type) {
      case ThriftType.TRUE, ThriftType.FALSE -> out.write((boolean) value ? 1 : 2);
      case ThriftType.BYTE -> out.write((int) (long) value);
      case ThriftType.DOUBLE ->
          out.writeBytes(
              ByteBuffer.allocate(Double.BYTES)
                  .order(ByteOrder.LITTLE_ENDIAN)
                  .putDouble((double) value)
                  .array());
      case ThriftType.BINARY -> {
        varint(((byte[]) value).length);
        out.writeBytes((byte[]) value);
      }
      case ThriftType.LIST, ThriftType.SET -> elements((Elements) value);
      case ThriftType.MAP -> entries((Entries) value);
      case ThriftType.STRUCT -> struct((ThriftStruct) value);
      default -> zigzag((long) value);
    }
  }

  private void elements(Elements elements) {
    int size = elements.values().size();
    if (size < LONGEST_STEP) {
      out.write(size << 4 | elements.type());
    } else {
      out.write(LONGEST_STEP << 4 | elements.type());
      varint(size);
    }
    elements.values().forEach(value -> value(elements.type(), value));
  }

  private void entries(Entries map) {
    varint(map.entries().size());
    if (!map.entries().isEmpty()) {
      out.write(map.keys() << 4 | map.values());
    }
    for (Map.Entry<Object, Object> entry : map.entries()) {
      value(map.keys(), entry.getKey());
      value(map.values(), entry.getValue());
    }
  }

  private void zigzag(long value) {
    varint(value << 1 ^ value >> 63);
  }

  private void varint(long value) {
    long left = value;
    while ((left & ~0x7fL) != 0) {
      out.write((int) (left & 0x7f) | 0x80);
      left >>>= 7;
    }
    out.write((int) left);
  }
}
