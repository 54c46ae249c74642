package io.github.wandacuda.text;

import io.github.wandacuda.text.ThriftStruct.Elements;
import io.github.wandacuda.text.ThriftStruct.Entries;
import io.github.wandacuda.text.ThriftStruct.Field;
import io.github.wandacuda.text.ThriftStruct.ThriftType;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A struct of Thrift's compact protocol, in which Parquet's metadata is written. Fields are known
 * by their numbers alone, so that those that this program doesn't know stay as they are.
 */
final class ThriftStruct {
  private final TreeMap<Integer, Field> fields = new TreeMap<>();

  /**
   * A field.
   *
   * @param type how the protocol calls its type, see {@link ThriftType}
   * @param value a Boolean, Long, Double, byte[], {@link Elements}, {@link Entries} or struct
   */
  record Field(int type, Object value) {}

  /**
   * The elements of a list or a set.
   *
   * @param type the type of each
   */
  record Elements(int type, List<Object> values) {}

  /**
   * The entries of a map.
   *
   * @param keys the type of keys
   * @param values the type of values
   */
  record Entries(int keys, int values, List<Map.Entry<Object, Object>> entries) {}

  Map<Integer, Field> fields() {
    return fields;
  }

  void put(int id, Field field) {
    fields.put(id, field);
  }

  /** Removes fields. */
  void remove(int... ids) {
    for (int id : ids) {
      fields.remove(id);
    }
  }

  boolean has(int id) {
    return fields.containsKey(id);
  }

  /**
   * Returns a whole number.
   *
   * @throws MalformedException if there is none
   */
  long number(int id) {
    long number = value(id, Long.class);
    if (fields.get(id).type() == ThriftType.BYTE) {
      throw new MalformedException("field %d is a byte".formatted(id));
    }
    return number;
  }

  /**
   * Returns a number of things.
   *
   * @throws MalformedException if there is none, or it is negative
   */
  long count(int id) {
    long count = number(id);
    if (count < 0) {
      throw new MalformedException("%d of something, in field %d".formatted(count, id));
    }
    return count;
  }

  /** Sets a whole number, of the 64 bits that Parquet's positions and lengths in files have. */
  void setLong(int id, long value) {
    fields.put(id, new Field(ThriftType.I64, value));
  }

  /** Sets a whole number of 32 bits. */
  void setInt(int id, int value) {
    fields.put(id, new Field(ThriftType.I32, (long) value));
  }

  /** Sets a truth value. */
  void setFlag(int id, boolean value) {
    fields.put(id, new Field(value ? ThriftType.TRUE : ThriftType.FALSE, value));
  }

  /** Returns a truth value, or {@code otherwise} if there is none. */
  boolean flag(int id, boolean otherwise) {
    return has(id) ? value(id, Boolean.class) : otherwise;
  }

  /**
   * Returns a struct.
   *
   * @throws MalformedException if there is none
   */
  ThriftStruct struct(int id) {
    return value(id, ThriftStruct.class);
  }

  /**
   * Returns the structs of a list.
   *
   * @throws MalformedException if there is no such list
   */
  List<ThriftStruct> structs(int id) {
    Elements elements = value(id, Elements.class);
    if (elements.type() != ThriftType.STRUCT && !elements.values().isEmpty()) {
      throw new MalformedException("field %d is no list of structs".formatted(id));
    }
    return elements.values().stream().map(ThriftStruct.class::cast).toList();
  }

  private <T> T value(int id, Class<T> type) {
    Field field = fields.get(id);
    if (field == null || !type.isInstance(field.value())) {
      throw new MalformedException("field %d is missing or of another type".formatted(id));
    }
    return type.cast(field.value());
  }

  /** Returns the struct's bytes. */
  byte[] bytes() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    new ThriftOutput(out).struct(this);
    return out.toByteArray();
  }

  /** The types of the compact protocol. */
  static final class ThriftType {
    static final int TRUE = 1;
    static final int FALSE = 2;
    static final int BYTE = 3;
    static final int I16 = 4;
    static final int I32 = 5;
    static final int I64 = 6;
    static final int DOUBLE = 7;
    static final int BINARY = 8;
    static final int LIST = 9;
    static final int SET = 10;
    static final int MAP = 11;
    static final int STRUCT = 12;

    private ThriftType() {}
  }

  /** Bytes that are no struct, or not the one that they should be. */
  static final class MalformedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    MalformedException(String message) {
      super(message);
    }
  }

  /** Writes structs of Thrift's compact protocol. */
  private static final class ThriftOutput {
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
}
