package engine.gguf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.Map;

/** The header of a GGUF file in memory, and views of its tensors. */
public final class GgufFile {
  /** Element types, as GGUF counts them. */
  public static final int F32 = 0;

  public static final int F16 = 1;
  public static final int BF16 = 30;

  private static final int MAGIC = 0x46554747;
  private static final int STRING = 8;
  private static final int ARRAY = 9;
  private static final int[] VALUE_BYTES = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfLong LONG =
      ValueLayout.JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  /** A tensor, [rows, columns], or a vector of one row. */
  public record Tensor(int type, int rows, int columns, MemorySegment data) {}

  private final MemorySegment file;
  private final Map<String, Object> values = new LinkedHashMap<>();
  private final Map<String, Tensor> tensors = new LinkedHashMap<>();
  private long at;

  /** Reads the header; the tensors stay where they are. */
  public GgufFile(MemorySegment file) {
    this.file = file;
    if (readInt() != MAGIC || readInt() < 2) {
      throw new IllegalArgumentException("not a GGUF file of version 2 or later");
    }
    long tensorCount = readLong();
    long valueCount = readLong();
    for (long i = 0; i < valueCount; i++) {
      String key = readString();
      values.put(key, readValue(readInt()));
    }
    readTensors(tensorCount);
  }

  private void readTensors(long count) {
    record Info(String name, long columns, long rows, int type, long offset) {}
    Info[] infos = new Info[Math.toIntExact(count)];
    for (int i = 0; i < infos.length; i++) {
      String name = readString();
      int dimensions = readInt();
      long columns = readLong();
      long rows = dimensions > 1 ? readLong() : 1;
      infos[i] = new Info(name, columns, rows, readInt(), readLong());
    }
    long alignment = ((Number) values.getOrDefault("general.alignment", 32)).longValue();
    long start = (at + alignment - 1) / alignment * alignment;
    for (Info info : infos) {
      long bytes = info.rows() * info.columns() * (info.type() == F32 ? 4 : 2);
      MemorySegment data = file.asSlice(start + info.offset(), bytes);
      tensors.put(
          info.name(), new Tensor(info.type(), (int) info.rows(), (int) info.columns(), data));
    }
  }

  /** Returns the tensors by their names, in the file's order. */
  public Map<String, Tensor> tensors() {
    return tensors;
  }

  /** Returns a value of the metadata: a number, a text or an array of them; null for none. */
  public Object value(String key) {
    return values.get(key);
  }

  /** Returns a whole number of the metadata. */
  public int integer(String key) {
    return ((Number) values.get(key)).intValue();
  }

  /** Returns a whole number of the metadata, or another where there is none. */
  public int integer(String key, int otherwise) {
    return values.containsKey(key) ? integer(key) : otherwise;
  }

  /** Returns a fraction of the metadata. */
  public float fraction(String key) {
    return ((Number) values.get(key)).floatValue();
  }

  private Object readValue(int type) {
    if (type == STRING) {
      return readString();
    }
    if (type == ARRAY) {
      int element = readInt();
      Object[] array = new Object[Math.toIntExact(readLong())];
      for (int i = 0; i < array.length; i++) {
        array[i] = readValue(element);
      }
      return array;
    }
    long from = at;
    at += VALUE_BYTES[type];
    return switch (type) {
      case 0, 1, 7 -> file.get(ValueLayout.JAVA_BYTE, from);
      case 2, 3 ->
          file.get(ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN), from);
      case 4, 5 -> file.get(INT, from);
      case 6 -> Float.intBitsToFloat(file.get(INT, from));
      case 10, 11 -> file.get(LONG, from);
      default -> Double.longBitsToDouble(file.get(LONG, from));
    };
  }

  private int readInt() {
    at += 4;
    return file.get(INT, at - 4);
  }

  private long readLong() {
    at += 8;
    return file.get(LONG, at - 8);
  }

  private String readString() {
    byte[] bytes = new byte[Math.toIntExact(readLong())];
    MemorySegment.copy(file, ValueLayout.JAVA_BYTE, at, bytes, 0, bytes.length);
    at += bytes.length;
    return new String(bytes, StandardCharsets.UTF_8);
  }
}
