package io.github.wandacuda.text;

import java.io.ByteArrayOutputStream;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * A struct of Thrift's compact protocol, in which Parquet's metadata is written; read within the
 * bounds of the bytes that are there. Fields are known by their numbers alone, and values that this
 * program doesn't ask for stay the bytes that they are.
 */
final class ThriftStruct {
  /** Parquet's schema is a flat list, so that nothing nests deeper than a few levels. */
  private static final int DEEPEST = 16;

  private static final int VARINT_BITS = 70;
  private static final int LONGEST_STEP = 15;

  // The types of the compact protocol.
  private static final int TRUE = 1;
  private static final int FALSE = 2;
  private static final int BYTE = 3;
  private static final int I16 = 4;
  private static final int I32 = 5;
  private static final int I64 = 6;
  private static final int DOUBLE = 7;
  private static final int BINARY = 8;
  private static final int LIST = 9;
  private static final int SET = 10;
  private static final int MAP = 11;
  private static final int STRUCT = 12;

  private final TreeMap<Integer, Field> fields = new TreeMap<>();

  /**
   * A field.
   *
   * @param type how the protocol calls its type
   * @param value its bytes, none for a truth value; or a Long, a struct or a list of structs
   */
  private record Field(int type, Object value) {}

  /** Bytes that are no struct, or not the one that they should be. */
  static final class MalformedException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    MalformedException(String message) {
      super(message);
    }
  }

  /**
   * Reads a struct.
   *
   * @param in an array's, read from its position on, which is moved
   */
  static ThriftStruct read(ByteBuffer in) {
    try {
      return read(in, 0);
    } catch (BufferUnderflowException e) {
      throw new MalformedException("it ends early");
    }
  }

  private static ThriftStruct read(ByteBuffer in, int depth) {
    ThriftStruct struct = new ThriftStruct();
    int id = 0;
    for (int head = in.get() & 0xff; head != 0; head = in.get() & 0xff) {
      int step = head >>> 4;
      int type = head & 15;
      id = step == 0 ? (int) zigzag(in) : id + step;
      int start = in.position();
      if (type != TRUE && type != FALSE) {
        skip(in, type, depth);
      }
      struct.fields.put(id, new Field(type, in.slice(start, in.position() - start)));
    }
    return struct;
  }

  private static void skip(ByteBuffer in, int type, int depth) {
    if (type >= LIST && type <= STRUCT && depth == DEEPEST) {
      throw new MalformedException("structs and lists inside each other beyond " + DEEPEST);
    }
    switch (type) {
      case TRUE, FALSE, BYTE -> in.get();
      case I16, I32, I64 -> varint(in);
      case DOUBLE -> in.getDouble();
      case BINARY -> {
        int size = size(in);
        in.position(in.position() + size);
      }
      case LIST, SET -> {
        int head = in.get() & 0xff;
        int size = elements(in, head);
        for (int i = 0; i < size; i++) {
          skip(in, head & 15, depth + 1);
        }
      }
      case MAP -> {
        int size = size(in);
        int types = size == 0 ? 0 : in.get() & 0xff;
        for (int i = 0; i < size; i++) {
          skip(in, types >>> 4, depth + 1);
          skip(in, types & 15, depth + 1);
        }
      }
      case STRUCT -> {
        ThriftStruct unused = read(in, depth + 1);
      }
      default -> throw new MalformedException("there is no type " + type);
    }
  }

  /** Reads how many elements a list has, whose first byte is {@code head}. */
  private static int elements(ByteBuffer in, int head) {
    return head >>> 4 == LONGEST_STEP ? size(in) : head >>> 4;
  }

  /** Reads a number of things of which each takes a byte or more. */
  private static int size(ByteBuffer in) {
    long size = varint(in);
    if (size < 0 || size > in.remaining()) {
      throw new MalformedException(
          "%d bytes or elements where %d bytes are left".formatted(size, in.remaining()));
    }
    return (int) size;
  }

  private static long zigzag(ByteBuffer in) {
    long bits = varint(in);
    return (bits >>> 1) ^ -(bits & 1);
  }

  private static long varint(ByteBuffer in) {
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

  void remove(int... ids) {
    for (int id : ids) {
      fields.remove(id);
    }
  }

  boolean has(int id) {
    return fields.containsKey(id);
  }

  long number(int id) {
    Field field = field(id, BYTE, I64);
    if (field.type() == BYTE) {
      throw new MalformedException("field %d is a byte".formatted(id));
    }
    return field.value() instanceof Long number
        ? number
        : zigzag(((ByteBuffer) field.value()).duplicate());
  }

  long count(int id) {
    long count = number(id);
    if (count < 0) {
      throw new MalformedException("%d of something, in field %d".formatted(count, id));
    }
    return count;
  }

  /** Sets a whole number, of the 64 bits that Parquet's positions and lengths in files have. */
  void setLong(int id, long value) {
    fields.put(id, new Field(I64, value));
  }

  /** Sets a whole number of 32 bits. */
  void setInt(int id, int value) {
    fields.put(id, new Field(I32, (long) value));
  }

  void setFlag(int id, boolean value) {
    fields.put(id, new Field(value ? TRUE : FALSE, ByteBuffer.allocate(0)));
  }

  /** Returns a truth value, or {@code otherwise} if there is none. */
  boolean flag(int id, boolean otherwise) {
    return has(id) ? field(id, TRUE, FALSE).type() == TRUE : otherwise;
  }

  /** Returns a struct, a change of which is one of this struct. */
  ThriftStruct struct(int id) {
    Field field = field(id, STRUCT, STRUCT);
    if (field.value() instanceof ThriftStruct struct) {
      return struct;
    }
    ThriftStruct struct = read((ByteBuffer) field.value());
    fields.put(id, new Field(STRUCT, struct));
    return struct;
  }

  /** Returns the structs of a list, once; a change of them is one of this struct. */
  List<ThriftStruct> structs(int id) {
    Field field = field(id, LIST, SET);
    ByteBuffer in = ((ByteBuffer) field.value()).duplicate();
    int head = in.get() & 0xff;
    int size = elements(in, head);
    if ((head & 15) != STRUCT && size > 0) {
      throw new MalformedException("field %d is no list of structs".formatted(id));
    }
    List<ThriftStruct> structs = new ArrayList<>();
    for (int i = 0; i < size; i++) {
      structs.add(read(in));
    }
    fields.put(id, new Field(field.type(), structs));
    return structs;
  }

  /** Returns a field of a type between two. */
  private Field field(int id, int first, int last) {
    Field field = fields.get(id);
    if (field == null || field.type() < first || field.type() > last) {
      throw new MalformedException("field %d is missing or of another type".formatted(id));
    }
    return field;
  }

  byte[] bytes() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    write(out);
    return out.toByteArray();
  }

  private void write(ByteArrayOutputStream out) {
    int last = 0;
    for (Map.Entry<Integer, Field> entry : fields.entrySet()) {
      int id = entry.getKey();
      int type = entry.getValue().type();
      int step = id - last;
      if (step > 0 && step <= LONGEST_STEP) {
        out.write(step << 4 | type);
      } else {
        out.write(type);
        zigzag(out, id);
      }
      last = id;
      switch (entry.getValue().value()) {
        case ByteBuffer raw -> out.write(raw.array(), raw.arrayOffset(), raw.limit());
        case Long number -> zigzag(out, number);
        case ThriftStruct struct -> struct.write(out);
        case List<?> structs -> {
          boolean few = structs.size() < LONGEST_STEP;
          out.write((few ? structs.size() : LONGEST_STEP) << 4 | STRUCT);
          if (!few) {
            varint(out, structs.size());
          }
          structs.forEach(struct -> ((ThriftStruct) struct).write(out));
        }
        default -> throw new IllegalStateException("field " + id);
      }
    }
    out.write(0);
  }

  private static void zigzag(ByteArrayOutputStream out, long value) {
    varint(out, value << 1 ^ value >> 63);
  }

  private static void varint(ByteArrayOutputStream out, long value) {
    long left = value;
    while ((left & ~0x7fL) != 0) {
      out.write((int) (left & 0x7f) | 0x80);
      left >>>= 7;
    }
    out.write((int) left);
  }
}
