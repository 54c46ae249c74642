package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.InputFile;
import java.io.IOException;
import java.nio.BufferUnderflowException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Statistics that llama.cpp's imatrix tool wrote as GGUF: for each weight the sum, over tokens, of
 * the square of each input column, and the number of tokens. The format of before 2025 is refused.
 *
 * <p>A norm is {@code sqrt(sum / tokens * tokens of a chunk)}, which is that of {@link Statistics}
 * with llama.cpp's chunks as samples. A common factor changes no mask.
 */
public final class Imatrix {
  private static final Set<String> ENDINGS = Set.of(".gguf", ".dat", ".imatrix");
  private static final Pattern IN_BLOCK = Pattern.compile("blk\\.(\\d{1,6})\\.(\\w+)\\.weight");

  /** LLaMA's linear modules by GGML's names; GGML permutes rows of some, but never columns. */
  private static final Map<String, String> MODULES =
      Map.of(
          "attn_q", "self_attn.q_proj",
          "attn_k", "self_attn.k_proj",
          "attn_v", "self_attn.v_proj",
          "attn_output", "self_attn.o_proj",
          "ffn_gate", "mlp.gate_proj",
          "ffn_up", "mlp.up_proj",
          "ffn_down", "mlp.down_proj");

  /** The most tensors, of which GGUF has two for each weight. */
  private static final int MOST = 200_000;

  private final Path file;
  private final SortedMap<String, float[]> norms = new TreeMap<>();

  Imatrix(Path file) {
    this.file = file;
  }

  /** Returns whether a file's name has an ending of an imatrix, in upper or lower case. */
  public static boolean isNamed(Path file) {
    String name = file.toString().toLowerCase(Locale.ROOT);
    return ENDINGS.stream().anyMatch(name::endsWith);
  }

  /**
   * Reads an imatrix of a model with LLaMA's modules.
   *
   * @throws InputException if it isn't one, holds a number that is negative or not finite, or a
   *     weight inside the blocks that is none of LLaMA's modules
   */
  public static Statistics read(Path file) {
    return InputFile.reading(
        file,
        () -> {
          LittleEndianFile in = LittleEndianFile.open(file);
          try {
            if (!in.startsWith("GGUF")) {
              throw ErrorDetails.file(file)
                  .hint("llama-imatrix makes one of a file of the older format")
                  .wrong("an imatrix in GGUF", "another start");
            }
            return new GgufImatrix(in).read();
          } catch (BufferUnderflowException e) {
            throw in.cut();
          }
        });
  }

  /**
   * Checks the number of weights, before memory is allocated for them.
   *
   * @return the count
   * @throws InputException if there are more than any model has
   */
  static int requireFew(Path file, int count) {
    if (count > MOST) {
      throw ErrorDetails.file(file).wrong("at most %d weights".formatted(MOST), count);
    }
    return count;
  }

  /**
   * Adds a weight's norms under the name of its module; weights outside the blocks are left out.
   *
   * @param weight the weight's name in GGML, such as {@code blk.0.attn_q.weight}
   * @param sums the sums of squares by input column
   * @param scale by what each sum is multiplied before its root is taken
   * @throws InputException if the weight is none of LLaMA's linear modules, or a norm isn't finite
   */
  void add(String weight, float[] sums, double scale) {
    Matcher matcher = IN_BLOCK.matcher(weight);
    if (!matcher.matches()) {
      // It is the head's, which isn't pruned.
      return;
    }
    String module = MODULES.get(matcher.group(2));
    if (module == null) {
      throw problem(weight, "a linear module of LLaMA", "a name that can't be mapped to one");
    }
    float[] columns = new float[sums.length];
    for (int column = 0; column < sums.length; column++) {
      columns[column] = (float) Math.sqrt(sums[column] * scale);
      if (!Float.isFinite(columns[column])) {
        throw problem(
            weight, "a finite sum of 0 or more at column " + column, Float.toString(sums[column]));
      }
    }
    String name = "model.layers.%d.%s".formatted(Integer.parseInt(matcher.group(1)), module);
    if (norms.put(name, columns) != null) {
      throw problem(weight, "one entry", "a second one");
    }
  }

  InputException problem(String weight, String expected, String found) {
    return ErrorDetails.tensor(file, weight).wrong(expected, found);
  }

  /**
   * Returns the statistics of the weights that were added.
   *
   * @param chunks how many chunks of text llama.cpp ran, which are the samples
   * @param chunkTokens the tokens of a chunk
   * @throws InputException if no weight of a block was added
   */
  Statistics statistics(long chunks, long chunkTokens) {
    if (norms.isEmpty()) {
      throw ErrorDetails.file(file)
          .wrong("sums of a model's blocks (blk.0.attn_q.weight and so on)", "none");
    }
    return new Statistics(norms, count(chunks), count(chunkTokens));
  }

  private static int count(long number) {
    return (int) Math.clamp(number, 0, Integer.MAX_VALUE);
  }

  /**
   * Reads an imatrix in GGUF, version 2 or 3. For each weight it has two F32 tensors: {@code
   * .in_sum2}, the sums by column, and {@code .counts}, the number of tokens.
   */
  private static final class GgufImatrix {
    private static final String SUMS = ".in_sum2";
    private static final String COUNTS = ".counts";
    private static final int STRING = 8;
    private static final int ARRAY = 9;
    private static final int F32 = 0;

    /**
     * Sizes in bytes of GGUF's types of values, by their numbers; 0 for a type of variable size.
     */
    private static final int[] SIZES = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};

    private static final int U32 = 4;
    private static final String CHUNK_SIZE = "imatrix.chunk_size";
    private static final Set<String> NUMBERS =
        Set.of("general.alignment", CHUNK_SIZE, "imatrix.chunk_count");

    private final LittleEndianFile in;
    private final Map<String, Long> numbers = new HashMap<>();
    private final Map<String, Place> tensors = new LinkedHashMap<>();
    private long dataStart;
    private long elements;

    /**
     * Where a tensor lies, by its entry in the header.
     *
     * @param elements of all dimensions together
     * @param dimensions how many of the shape's numbers count; 1 for a vector
     * @param type the number of its type in GGUF
     * @param offset in bytes, from where tensors begin
     */
    private record Place(long elements, int dimensions, int type, long offset) {}

    GgufImatrix(LittleEndianFile in) {
      this.in = in;
    }

    Statistics read() {
      in.skip("GGUF".length());
      int version = in.bytes().getInt();
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
      long alignment = numbers.getOrDefault("general.alignment", 32L);
      if (alignment < 1 || Long.bitCount(alignment) != 1) {
        throw problem("an alignment that is a power of two", Long.toString(alignment));
      }
      dataStart = (in.bytes().position() + alignment - 1) & -alignment;
      return statistics();
    }

    private void readValue() {
      String key = in.text(in.longCount("a key's bytes", 1));
      int type = in.bytes().getInt();
      if (type == U32 && NUMBERS.contains(key)) {
        numbers.put(key, Integer.toUnsignedLong(in.bytes().getInt()));
      } else if (type == ARRAY) {
        int of = in.bytes().getInt();
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
      int dimensions = in.bytes().getInt();
      if (dimensions < 0 || dimensions > 4) {
        throw problem(
            "at most 4 dimensions of " + Printable.of(name), Integer.toString(dimensions));
      }
      long elements = 1;
      int large = 0;
      for (int index = 0; index < dimensions; index++) {
        long size = in.longCount("a dimension of " + Printable.of(name), 1);
        large += size > 1 ? 1 : 0;
        elements = Math.multiplyExact(elements, size);
        if (elements > in.bytes().limit()) {
          throw problem("fewer elements in " + Printable.of(name), Long.toString(elements));
        }
      }
      Place place = new Place(elements, large, in.bytes().getInt(), in.bytes().getLong());
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
      return imatrix.statistics(numbers.getOrDefault("imatrix.chunk_count", 0L), chunkTokens);
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
      if (elements > in.bytes().limit() / Float.BYTES) {
        throw problem(
            "%d elements of all tensors at most".formatted(in.bytes().limit() / Float.BYTES),
            "more");
      }
      in.moveTo(dataStart, place.offset());
      return in.floats((int) place.elements());
    }

    private InputException problem(String expected, String found) {
      return ErrorDetails.file(in.file()).wrong(expected, found);
    }
  }

  /** Reads numbers and texts from a small little-endian file, none of them beyond its end. */
  private record LittleEndianFile(Path file, ByteBuffer bytes) {
    /** In bytes, more than the sums of a model with a thousand blocks. */
    private static final long LONGEST = 1 << 30;

    /** Memory in multiples of the file's size, for the file, its sums and the norms. */
    private static final int TIMES = 4;

    LittleEndianFile {
      bytes.order(ByteOrder.LITTLE_ENDIAN);
    }

    /**
     * Reads a whole file into the heap.
     *
     * @throws InputException if it can't be read or doesn't fit into memory
     */
    static LittleEndianFile open(Path file) throws IOException {
      long size = InputFile.size(file);
      long most = Math.min(LONGEST, Runtime.getRuntime().maxMemory() / TIMES);
      if (size > most) {
        throw ErrorDetails.file(file)
            .hint("give the Java heap more with -Xmx")
            .wrong("at most %d bytes".formatted(most), size);
      }
      return new LittleEndianFile(file, ByteBuffer.wrap(InputFile.bytes(file)));
    }

    /** Returns whether the file starts with these letters; doesn't move the position. */
    boolean startsWith(String letters) {
      byte[] expected = letters.getBytes(StandardCharsets.US_ASCII);
      return bytes.limit() >= expected.length
          && bytes.slice(0, expected.length).equals(ByteBuffer.wrap(expected));
    }

    void skip(int count) {
      moveTo(bytes.position(), count);
    }

    /**
     * Moves to the byte {@code start + offset}.
     *
     * @throws BufferUnderflowException if that is before {@code start} or beyond the file's end
     */
    void moveTo(long start, long offset) {
      if (offset < 0 || offset > bytes.limit() - start) {
        throw new BufferUnderflowException();
      }
      bytes.position((int) (start + offset));
    }

    /**
     * Reads a 64-bit number that says how many things follow.
     *
     * @param what the things, in the plural, for the message of a failure
     * @param leastBytes the fewest bytes of each
     * @throws InputException if the file is too short for them
     */
    int longCount(String what, int leastBytes) {
      long count = bytes.getLong();
      int most = bytes.remaining() / leastBytes;
      if (count < 0 || count > most) {
        throw ErrorDetails.file(file)
            .hint("it was cut or changed, or is no imatrix of llama.cpp")
            .wrong(
                "at most %d for %s at byte %d".formatted(most, what, bytes.position()),
                Long.toUnsignedString(count));
      }
      return (int) count;
    }

    String text(int length) {
      byte[] text = new byte[length];
      bytes.get(text);
      return new String(text, StandardCharsets.UTF_8);
    }

    float[] floats(int count) {
      float[] values = new float[count];
      bytes.asFloatBuffer().get(values);
      bytes.position(bytes.position() + count * Float.BYTES);
      return values;
    }

    /** Returns the failure of a file that ends before what it says it holds. */
    InputException cut() {
      return ErrorDetails.file(file)
          .hint("copy or download it again")
          .wrong("more", "its end after %d bytes".formatted(bytes.limit()));
    }
  }
}
