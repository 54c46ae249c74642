package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.error.Printable;
import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;

/**
 * A key's value, in the bytes of the file, so that what isn't changed is copied as it is: texts of
 * a tokenizer need not be valid UTF-8.
 *
 * @param type GGUF's number of its type
 * @param bytes the value as the file has it, behind its type
 */
public record GgufValue(int type, byte[] bytes) {
  static final int U8 = 0;
  static final int I8 = 1;
  static final int U16 = 2;
  static final int I16 = 3;
  static final int U32 = 4;
  static final int I32 = 5;
  static final int F32 = 6;
  static final int BOOL = 7;
  static final int TEXT = 8;
  static final int ARRAY = 9;
  static final int U64 = 10;
  static final int I64 = 11;
  static final int F64 = 12;

  /** Bytes of a value by its type's number; 0 for those of variable size. */
  private static final int[] SIZES = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

  private static final int ARRAY_START = Integer.BYTES + Long.BYTES;

  /** Returns the bytes of a number or truth value; 0 of another type, or one that there isn't. */
  static int size(int type) {
    return type >= 0 && type < SIZES.length ? SIZES[type] : 0;
  }

  static boolean isType(int type) {
    return type >= 0 && type < SIZES.length;
  }

  /** Makes a count, in the type that llama.cpp asks for. */
  public static GgufValue of(int number) {
    return new GgufValue(U32, buffer(Integer.BYTES).putInt(number).array());
  }

  /** Makes a number of 16 bits, in which parts of a split model are counted. */
  static GgufValue u16(int number) {
    return new GgufValue(U16, buffer(Short.BYTES).putShort((short) number).array());
  }

  /** Makes a number with a sign, in which tensors of a split model are counted. */
  static GgufValue i32(int number) {
    return new GgufValue(I32, buffer(Integer.BYTES).putInt(number).array());
  }

  public static GgufValue of(String text) {
    byte[] utf8 = text.getBytes(StandardCharsets.UTF_8);
    return new GgufValue(
        TEXT, buffer(Long.BYTES + utf8.length).putLong(utf8.length).put(utf8).array());
  }

  /** Makes a number with a fraction, in the type that llama.cpp asks for. */
  static GgufValue of(float number) {
    return new GgufValue(F32, buffer(Float.BYTES).putFloat(number).array());
  }

  static GgufValue of(boolean value) {
    return new GgufValue(BOOL, new byte[] {(byte) (value ? 1 : 0)});
  }

  /** Makes an array of numbers with a fraction. */
  static GgufValue of(float[] numbers) {
    ByteBuffer bytes = buffer(ARRAY_START + Float.BYTES * numbers.length);
    bytes.putInt(F32).putLong(numbers.length);
    bytes.asFloatBuffer().put(numbers);
    return new GgufValue(ARRAY, bytes.array());
  }

  /** Makes an array of texts. */
  static GgufValue of(List<String> texts) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(buffer(ARRAY_START).putInt(TEXT).putLong(texts.size()).array());
    texts.forEach(text -> out.writeBytes(of(text).bytes));
    return new GgufValue(ARRAY, out.toByteArray());
  }

  /** Makes an array of whole numbers. */
  public static GgufValue of(int[] numbers) {
    ByteBuffer bytes = buffer(ARRAY_START + Integer.BYTES * numbers.length);
    bytes.putInt(I32).putLong(numbers.length);
    bytes.asIntBuffer().put(numbers);
    return new GgufValue(ARRAY, bytes.array());
  }

  /** Makes an array of truth values. */
  static GgufValue of(boolean[] values) {
    ByteBuffer bytes = buffer(ARRAY_START + values.length);
    bytes.putInt(BOOL).putLong(values.length);
    for (boolean value : values) {
      bytes.put((byte) (value ? 1 : 0));
    }
    return new GgufValue(ARRAY, bytes.array());
  }

  /**
   * Returns an array's elements at some places.
   *
   * @param places ascending
   */
  GgufValue keep(int[] places) {
    List<byte[]> all = elements();
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(buffer(ARRAY_START).putInt(elementType()).putLong(places.length).array());
    for (int place : places) {
      byte[] element = all.get(place);
      if (elementType() == TEXT) {
        out.writeBytes(buffer(Long.BYTES).putLong(element.length).array());
      }
      out.writeBytes(element);
    }
    return new GgufValue(ARRAY, out.toByteArray());
  }

  /** Returns a whole number, or an array of them, none of which is more than a limit. */
  GgufValue atMost(int limit) {
    return isArray()
        ? of(
            Arrays.stream(numbers().orElseThrow())
                .mapToInt(number -> (int) Math.min(number, limit))
                .toArray())
        : of((int) Math.min(number().orElseThrow(), limit));
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  private ByteBuffer buffer() {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** Returns a whole number of any size, or nothing if the value is none or more than 2^63 - 1. */
  public OptionalLong number() {
    return number(type, buffer());
  }

  /** Returns a whole number, or that of which an array has nothing else. */
  OptionalLong same() {
    Optional<long[]> all = numbers();
    return all.isPresent() && Arrays.stream(all.get()).distinct().count() == 1
        ? OptionalLong.of(all.get()[0])
        : number();
  }

  private static OptionalLong number(int type, ByteBuffer at) {
    return switch (type) {
      case U8 -> OptionalLong.of(at.get() & 0xff);
      case I8 -> OptionalLong.of(at.get());
      case U16 -> OptionalLong.of(at.getShort() & 0xffff);
      case I16 -> OptionalLong.of(at.getShort());
      case U32 -> OptionalLong.of(Integer.toUnsignedLong(at.getInt()));
      case I32 -> OptionalLong.of(at.getInt());
      case BOOL -> OptionalLong.of(at.get());
      case I64 -> OptionalLong.of(at.getLong());
      case U64 -> {
        long number = at.getLong();
        yield number < 0 ? OptionalLong.empty() : OptionalLong.of(number);
      }
      default -> OptionalLong.empty();
    };
  }

  /** Returns a number with a fraction, or nothing if the value is none. */
  public OptionalDouble real() {
    return switch (type) {
      case F32 -> OptionalDouble.of(buffer().getFloat());
      case F64 -> OptionalDouble.of(buffer().getDouble());
      default -> OptionalDouble.empty();
    };
  }

  /** Returns an array's float32 numbers, or nothing if it holds others. */
  Optional<float[]> reals() {
    if (!isArray() || elementType() != F32) {
      return Optional.empty();
    }
    float[] numbers = new float[count()];
    buffer()
        .position(ARRAY_START)
        .slice()
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer()
        .get(numbers);
    return Optional.of(numbers);
  }

  /** Returns a text, of which bytes that are no UTF-8 become question marks; or nothing. */
  public Optional<String> text() {
    return type == TEXT
        ? Optional.of(
            new String(bytes, Long.BYTES, bytes.length - Long.BYTES, StandardCharsets.UTF_8))
        : Optional.empty();
  }

  /** Returns a number or text, or what else it is, for messages. */
  String shown() {
    if (number().isPresent()) {
      return String.valueOf(number().getAsLong());
    }
    return text().map(Printable::of).orElseGet(this::what);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof GgufValue value
        && value.type == type
        && Arrays.equals(value.bytes, bytes);
  }

  @Override
  public int hashCode() {
    return 31 * type + Arrays.hashCode(bytes);
  }

  boolean isTruth() {
    return type == BOOL;
  }

  /** Returns what kind of value it is, for messages. */
  String what() {
    return switch (type) {
      case TEXT -> "a text";
      case ARRAY -> "an array of several";
      case BOOL -> "true or false";
      case F32, F64 -> "a number with a fraction";
      default -> "a whole number";
    };
  }

  public boolean isArray() {
    return type == ARRAY;
  }

  /** Returns the type's number of an array's elements. */
  public int elementType() {
    return buffer().getInt();
  }

  /** Returns how many elements an array has. */
  public int count() {
    return (int) buffer().getLong(Integer.BYTES);
  }

  /** Returns an array's whole numbers, or nothing if it holds others. */
  public Optional<long[]> numbers() {
    if (!isArray() || number(elementType(), ByteBuffer.allocate(Long.BYTES)).isEmpty()) {
      return Optional.empty();
    }
    long[] numbers = new long[count()];
    ByteBuffer at = buffer().position(ARRAY_START);
    for (int index = 0; index < numbers.length; index++) {
      OptionalLong number = number(elementType(), at);
      if (number.isEmpty()) {
        return Optional.empty();
      }
      numbers[index] = number.getAsLong();
    }
    return Optional.of(numbers);
  }

  /** Returns an array's elements in the bytes of the file. */
  public List<byte[]> elements() {
    List<byte[]> elements = new ArrayList<>();
    ByteBuffer at = buffer().position(ARRAY_START);
    int size = size(elementType());
    for (int index = 0; index < count(); index++) {
      byte[] element = new byte[size > 0 ? size : Math.toIntExact(at.getLong())];
      at.get(element);
      elements.add(element);
    }
    return elements;
  }
}
