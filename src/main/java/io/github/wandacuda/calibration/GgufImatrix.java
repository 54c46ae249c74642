package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;

/**
 * Reads an imatrix in GGUF, version 2 or 3. For each weight it has two F32 tensors: {@code
 * .in_sum2}, the sums by column, and {@code .counts}, the number of tokens.
 */
final class GgufImatrix {
  private static final String SUMS = ".in_sum2";
  private static final String COUNTS = ".counts";
  private static final int STRING = 8;
  private static final int ARRAY = 9;
  private static final int F32 = 0;

  /** Sizes in bytes of GGUF's types of values, by their numbers; 0 for a type of variable size. */
  private static final int[] SIZES = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

  private static final int U32 = 4;
  private static final String ALIGNMENT = "general.alignment";
  private static final String CHUNK_SIZE = "imatrix.chunk_size";
  private static final String CHUNKS = "imatrix.chunk_count";
  private static final Set<String> NUMBERS = Set.of(ALIGNMENT, CHUNK_SIZE, CHUNKS);

  private final LittleEndianFile in;
  private final Map<String, Long> numbers = new HashMap<>();
  private final Map<String, Place> tensors = new LinkedHashMap<>();
  private long dataStart;
  private long elements;

  private record Place(long elements, int dimensions, int type, long offset) {}

  GgufImatrix(LittleEndianFile in) {
    this.in = in;
  }

  Statistics read() {
    in.skip("GGUF".length());
    int version = in.readInt();
    if (version != 2 && version != 3) {
      throw problem("GGUF version 2 or 3", Integer.toString(version));
    }
    int count = Imatrix.requireFew(in.file(), in.longCount("tensors", 24));
    int values = in.longCount("values", 12);
    for (int index = 0; index < values; index++) {
      readValue();
    }
    for (int index = 0; index < count; index++) {
      readTensor();
    }
    long alignment = numbers.getOrDefault(ALIGNMENT, 32L);
    if (alignment < 1 || Long.bitCount(alignment) != 1) {
      throw problem("an alignment that is a power of two", Long.toString(alignment));
    }
    dataStart = (in.position() + alignment - 1) & -alignment;
    return statistics();
  }

  private void readValue() {
    String key = in.text(in.longCount("a key's bytes", 1));
    int type = in.readInt();
    if (type == U32 && NUMBERS.contains(key)) {
      numbers.put(key, Integer.toUnsignedLong(in.readInt()));
    } else if (type == ARRAY) {
      int of = in.readInt();
      int length = in.longCount("an array's values", of == STRING ? Long.BYTES : size(of));
      for (int index = 0; index < length; index++) {
        skip(of);
      }
    } else {
      skip(type);
    }
  }

  private void skip(int type) {
    in.skip(type == STRING ? in.longCount("a text's bytes", 1) : size(type));
  }

  private int size(int type) {
    if (type < 0 || type >= SIZES.length || SIZES[type] == 0) {
      throw problem("a type of value that GGUF has", Integer.toString(type));
    }
    return SIZES[type];
  }

  private void readTensor() {
    String name = in.text(in.longCount("a name's bytes", 1));
    int dimensions = in.readInt();
    if (dimensions < 0 || dimensions > 4) {
      throw problem("at most 4 dimensions of " + Printable.of(name), Integer.toString(dimensions));
    }
    long elements = 1;
    int large = 0;
    for (int index = 0; index < dimensions; index++) {
      long size = in.longCount("a dimension of " + Printable.of(name), 1);
      large += size > 1 ? 1 : 0;
      elements = Math.multiplyExact(elements, size);
      if (elements > in.length()) {
        throw problem("fewer elements in " + Printable.of(name), Long.toString(elements));
      }
    }
    Place place = new Place(elements, large, in.readInt(), in.readLong());
    if (tensors.put(name, place) != null) {
      throw problem("one tensor " + Printable.of(name), "a second one");
    }
  }

  private Statistics statistics() {
    Imatrix imatrix = new Imatrix(in.file());
    long chunkTokens = numbers.getOrDefault(CHUNK_SIZE, 0L);
    tensors.forEach(
        (name, place) -> {
          if (name.endsWith(SUMS)) {
            String weight = name.substring(0, name.length() - SUMS.length());
            float tokens = count(imatrix, weight);
            imatrix.add(weight, floats(name, place), Math.max(1, chunkTokens) / (double) tokens);
          }
        });
    return imatrix.statistics(numbers.getOrDefault(CHUNKS, 0L), chunkTokens);
  }

  private float count(Imatrix imatrix, String weight) {
    Place place = tensors.get(weight + COUNTS);
    if (place == null || place.elements() != 1) {
      throw imatrix.problem(
          weight,
          "one count of tokens",
          place == null ? "none" : place.elements() + ", as experts have");
    }
    float tokens = floats(weight + COUNTS, place)[0];
    if (!(tokens > 0 && tokens < Float.POSITIVE_INFINITY)) {
      throw imatrix.problem(weight, "a positive count of tokens", Float.toString(tokens));
    }
    return tokens;
  }

  private float[] floats(String name, Place place) {
    if (place.type() != F32 || place.dimensions() > 1) {
      throw problem("an F32 vector as " + Printable.of(name), "another type or shape");
    }
    // Tensors that overlap could make a small file take much memory.
    elements += place.elements();
    if (elements > in.length() / Float.BYTES) {
      throw problem(
          "%d elements of all tensors at most".formatted(in.length() / Float.BYTES), "more");
    }
    in.moveTo(dataStart, place.offset());
    return in.floats((int) place.elements());
  }

  private InputException problem(String expected, String found) {
    return ErrorDetails.file(in.file()).wrong(expected, found);
  }
}
