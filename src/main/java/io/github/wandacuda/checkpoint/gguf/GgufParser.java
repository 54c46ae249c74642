package io.github.wandacuda.checkpoint.gguf;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** Reads one value after the other; none is made room for that the file can't hold. */
final class GgufParser {
  private static final int MOST_DIMENSIONS = 4;
  private static final int LONGEST_NAME = 63;

  /**
   * The most columns, and the most rows of all other dimensions together: far beyond any model's,
   * and small enough that a row of float32 is an array.
   */
  private static final long MOST_ROWS = 1 << 28;

  /** More than any file's, with the texts of a tokenizer. */
  private static final long LONGEST = 256L << 20;

  /** What a key is followed by, for messages. */
  private static final String VALUE = "its value";

  /** The least that a key takes: the length of its name, a character, a type and a byte. */
  private static final int LEAST_KEY = 14;

  /** The least that a tensor's entry takes: a name's length, a dimension, type and offset. */
  private static final int LEAST_TENSOR = 33;

  private final Path file;
  private final InputStream in;
  private final long length;
  private long at;

  GgufParser(Path file, InputStream in, long length) {
    this.file = file;
    this.in = in;
    this.length = length;
  }

  GgufHeader read() throws IOException {
    if (!Arrays.equals(bytes(header(), "its start", GgufHeader.MAGIC.length), GgufHeader.MAGIC)) {
      throw ErrorDetails.file(file).wrong("a GGUF file", "another start");
    }
    int version = u32("its version");
    if (version != 2 && version != 3) {
      boolean turned = Integer.reverseBytes(version) >= 1 && Integer.reverseBytes(version) <= 3;
      throw header()
          .wrong(
              "GGUF version 2 or 3, little-endian",
              turned ? "a big-endian file" : Integer.toUnsignedString(version));
    }
    long tensorCount = count("tensors", LEAST_TENSOR);
    long keyCount = count("keys", LEAST_KEY);
    Map<String, GgufValue> keys = new LinkedHashMap<>();
    for (long index = 0; index < keyCount; index++) {
      readKey(keys);
    }
    int alignment = alignment(keys.get(GgufHeader.ALIGNMENT));
    List<GgufTensor> tensors = new ArrayList<>();
    Set<String> names = new HashSet<>();
    for (long index = 0; index < tensorCount; index++) {
      GgufTensor tensor = readTensor();
      if (!names.add(tensor.name())) {
        throw ErrorDetails.tensor(file, tensor.name()).wrong("one of this name", "a second one");
      }
      tensors.add(tensor);
    }
    long dataOffset = GgufHeader.padded(at, alignment);
    checkPlaces(tensors, alignment, dataOffset);
    return new GgufHeader(version, keys, tensors, alignment, dataOffset);
  }

  private ErrorDetails header() {
    return ErrorDetails.part(file, "header");
  }

  private void readKey(Map<String, GgufValue> keys) throws IOException {
    String key = text("a key", Integer.MAX_VALUE);
    ErrorDetails place = ErrorDetails.part(file, "key " + Printable.of(key));
    if (key.isEmpty() || keys.containsKey(key)) {
      throw place.wrong(
          "keys with names of their own", key.isEmpty() ? "an empty one" : "it twice");
    }
    int type = u32("a key's type");
    if (!GgufValue.isType(type)) {
      throw place.wrong("a type of value that GGUF has", Integer.toUnsignedString(type));
    }
    keys.put(key, new GgufValue(type, value(place, type)));
  }

  private byte[] value(ErrorDetails place, int type) throws IOException {
    if (type == GgufValue.TEXT) {
      return text(place);
    }
    return type == GgufValue.ARRAY ? array(place) : bytes(place, VALUE, GgufValue.size(type));
  }

  /** Reads a number of bytes and as many bytes. */
  private byte[] text(ErrorDetails place) throws IOException {
    byte[] count = bytes(place, VALUE, Long.BYTES);
    long told = ByteBuffer.wrap(count).order(ByteOrder.LITTLE_ENDIAN).getLong();
    return joined(count, bytes(place, VALUE, checkedCount(place, "bytes", told, 1)));
  }

  private byte[] array(ErrorDetails place) throws IOException {
    byte[] start = bytes(place, VALUE, Integer.BYTES + Long.BYTES);
    ByteBuffer told = ByteBuffer.wrap(start).order(ByteOrder.LITTLE_ENDIAN);
    int type = told.getInt();
    if (!GgufValue.isType(type) || type == GgufValue.ARRAY) {
      throw place.wrong(
          "an array of numbers, truth values or texts",
          type == GgufValue.ARRAY ? "one of arrays" : "type " + Integer.toUnsignedString(type));
    }
    boolean texts = type == GgufValue.TEXT;
    int least = texts ? Long.BYTES : GgufValue.size(type);
    long count = checkedCount(place, "elements", told.getLong(), least);
    if (!texts) {
      return joined(start, bytes(place, VALUE, count * least));
    }
    ByteArrayOutputStream all = new ByteArrayOutputStream();
    all.writeBytes(start);
    for (long index = 0; index < count; index++) {
      all.writeBytes(text(place));
    }
    return all.toByteArray();
  }

  private static byte[] joined(byte[] first, byte[] second) {
    byte[] both = Arrays.copyOf(first, first.length + second.length);
    System.arraycopy(second, 0, both, first.length, second.length);
    return both;
  }

  private int alignment(GgufValue given) {
    if (given == null) {
      return GgufHeader.DEFAULT_ALIGNMENT;
    }
    ErrorDetails place = ErrorDetails.part(file, "key " + GgufHeader.ALIGNMENT);
    String expected = "a power of two from 8 to 1048576, as u32";
    if (given.type() != GgufValue.U32) {
      throw place.wrong(expected, given.what() + " of another type");
    }
    long alignment = given.number().orElseThrow();
    if (alignment < Long.BYTES || alignment > 1 << 20 || Long.bitCount(alignment) != 1) {
      throw place.wrong(expected, alignment);
    }
    return (int) alignment;
  }

  private GgufTensor readTensor() throws IOException {
    String name = text("a tensor's name", LONGEST_NAME);
    ErrorDetails place = ErrorDetails.tensor(file, name);
    int dimensions = u32("a tensor's dimensions");
    if (dimensions < 1 || dimensions > MOST_DIMENSIONS) {
      throw place.wrong("1 to 4 dimensions", Integer.toUnsignedString(dimensions));
    }
    List<Long> sizes = new ArrayList<>();
    for (int index = 0; index < dimensions; index++) {
      sizes.add(u64("a tensor's sizes"));
    }
    int id = u32("a tensor's type");
    long offset = u64("a tensor's offset");
    GgufType type =
        GgufType.of(id)
            .orElseThrow(() -> place.wrong("a type that GGUF has", Integer.toUnsignedString(id)));
    check(place, type, sizes);
    return new GgufTensor(name, type, sizes.reversed(), offset);
  }

  /** Checks that rows are whole blocks, and that there are no more than an int counts. */
  private static void check(ErrorDetails place, GgufType type, List<Long> sizes) {
    long columns = sizes.getFirst();
    boolean fits = columns >= 1 && columns <= MOST_ROWS;
    long rows = 1;
    for (long size : sizes.subList(1, sizes.size())) {
      fits = fits && size >= 1 && size <= MOST_ROWS / rows;
      rows = fits ? rows * size : rows;
    }
    if (!fits) {
      throw place.wrong(
          "sizes from 1 on, of at most %d columns and rows".formatted(MOST_ROWS),
          sizes.reversed().stream().map(Long::toUnsignedString).toList());
    }
    if (columns % type.blockElements() != 0) {
      throw place.wrong(
          "rows of a multiple of %d elements of %s".formatted(type.blockElements(), type), columns);
    }
  }

  private void checkPlaces(List<GgufTensor> tensors, int alignment, long dataOffset) {
    long next = 0;
    for (GgufTensor tensor : tensors) {
      ErrorDetails place = ErrorDetails.tensor(file, tensor.name());
      if (tensor.begin() != next) {
        throw place.wrong(
            "offset %d, behind the tensor before it".formatted(next),
            Long.toUnsignedString(tensor.begin()));
      }
      if (tensor.bytes() > length - dataOffset - next) {
        throw place.cut(
            "%d bytes from %d on".formatted(tensor.bytes(), dataOffset + next),
            "a file of %d bytes".formatted(length));
      }
      next = GgufHeader.padded(tensor.end(), alignment);
    }
    if (length > dataOffset + next) {
      throw ErrorDetails.file(file)
          .wrong("an end behind its tensors, at " + (dataOffset + next), length + " bytes");
    }
  }

  private long count(String what, int least) throws IOException {
    return checkedCount(header(), what, u64("the number of " + what), least);
  }

  /** Refuses a count of things for which the file has no room. */
  private long checkedCount(ErrorDetails place, String what, long count, int least) {
    if (count < 0 || count > (Math.min(length, LONGEST) - at) / least) {
      throw place.wrong(
          "no more %s than fit into %d bytes".formatted(what, length),
          Long.toUnsignedString(count));
    }
    return count;
  }

  private int u32(String what) throws IOException {
    return ByteBuffer.wrap(bytes(header(), what, Integer.BYTES))
        .order(ByteOrder.LITTLE_ENDIAN)
        .getInt();
  }

  private long u64(String what) throws IOException {
    return ByteBuffer.wrap(bytes(header(), what, Long.BYTES))
        .order(ByteOrder.LITTLE_ENDIAN)
        .getLong();
  }

  private String text(String what, int longest) throws IOException {
    long bytes = checkedCount(header(), "bytes of " + what, u64(what), 1);
    if (bytes > longest) {
      throw header().wrong("%s of at most %d bytes".formatted(what, longest), bytes);
    }
    try {
      return StandardCharsets.UTF_8
          .newDecoder()
          .decode(ByteBuffer.wrap(bytes(header(), what, bytes)))
          .toString();
    } catch (CharacterCodingException e) {
      throw header().wrong(what + " in UTF-8", "other bytes", e);
    }
  }

  private byte[] bytes(ErrorDetails place, String what, long count) throws IOException {
    at += count;
    if (at > LONGEST) {
      throw header().wrong("at most %d bytes".formatted(LONGEST), "more");
    }
    byte[] bytes = in.readNBytes((int) count);
    if (bytes.length < count) {
      throw place.cut(what, "the file's end");
    }
    return bytes;
  }
}
