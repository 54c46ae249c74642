package io.github.wandacuda.text;

import io.github.wandacuda.text.ThriftStruct.Elements;
import io.github.wandacuda.text.ThriftStruct.Entries;
import io.github.wandacuda.text.ThriftStruct.Field;
import io.github.wandacuda.text.ThriftStruct.MalformedException;
import io.github.wandacuda.text.ThriftStruct.ThriftType;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/** Reads structs of Thrift's compact protocol, within the bounds of the bytes that are there. */
final class ThriftInput {
  /** Parquet's schema is a flat list, so that nothing nests deeper than a few levels. */
  private static final int DEEPEST = 16;

  private static final int VARINT_BITS = 70;

  private final ByteBuffer in;
  private int depth;

  /** Reads from a buffer's position on, which is moved. */
  ThriftInput(ByteBuffer in) {
    this.in = in.order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Reads a struct.
   *
   * @throws MalformedException if the bytes are none
   */
  ThriftStruct read() {
    try {
      return struct();
    } catch (BufferUnderflowException e) {
      throw new MalformedException("it ends early");
    }
  }

  private ThriftStruct struct() {
    ThriftStruct struct = new ThriftStruct();
    int id = 0;
    for (int head = unsignedByte(); head != 0; head = unsignedByte()) {
      int step = head >>> 4;
      int type = head & 15;
      id = step == 0 ? (int) zigzag() : id + step;
      struct.put(id, new Field(type, fieldValue(type)));
    }
    return struct;
  }

  private Object fieldValue(int type) {
    return switch (type) {
      case ThriftType.TRUE -> true;
      case ThriftType.FALSE -> false;
      default -> value(type);
    };
  }

  private Object value(int type) {
    return switch (type) {
      case ThriftType.TRUE, ThriftType.FALSE -> in.get() == 1;
      case ThriftType.BYTE -> (long) in.get();
      case ThriftType.I16, ThriftType.I32, ThriftType.I64 -> zigzag();
      case ThriftType.DOUBLE -> in.getDouble();
      case ThriftType.BINARY -> binary();
      case ThriftType.LIST, ThriftType.SET, ThriftType.MAP, ThriftType.STRUCT -> inside(type);
      default -> throw new MalformedException("there is no type " + type);
    };
  }

  private Object inside(int type) {
    if (++depth > DEEPEST) {
      throw new MalformedException("structs and lists inside each other beyond " + DEEPEST);
    }
    Object value =
        switch (type) {
          case ThriftType.MAP -> entries();
          case ThriftType.STRUCT -> struct();
          default -> elements();
        };
    depth--;
    return value;
  }

  private byte[] binary() {
    byte[] bytes = new byte[size()];
    in.get(bytes);
    return bytes;
  }

  private Elements elements() {
    int head = unsignedByte();
    int size = head >>> 4 == 15 ? size() : head >>> 4;
    int type = head & 15;
    List<Object> values = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      values.add(value(type));
    }
    return new Elements(type, values);
  }

  private Entries entries() {
    int size = size();
    int types = size == 0 ? 0 : unsignedByte();
    List<Map.Entry<Object, Object>> entries = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      entries.add(Map.entry(value(types >>> 4), value(types & 15)));
    }
    return new Entries(types >>> 4, types & 15, entries);
  }

  /** Reads a number of things of which each takes a byte or more. */
  private int size() {
    long size = varint();
    if (size < 0 || size > in.remaining()) {
      throw new MalformedException(
          "%d bytes or elements where %d bytes are left".formatted(size, in.remaining()));
    }
    return (int) size;
  }

  private long zigzag() {
    long bits = varint();
    return (bits >>> 1) ^ -(bits & 1);
  }

  private long varint() {
    long value = 0;
    for (int shift = 0; shift < VARINT_BITS; shift += 7) {
      int next = in.get();
      value |= (long) (next & 0x7f) << shift;
      if (next >= 0) {
        return value;
      }
    }
    throw new MalformedException("a number of more than 64 bits");
  }

  private int unsignedByte() {
    return in.get() & 0xff;
  }
}
