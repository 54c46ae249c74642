package io.github.wandacuda.calibration;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.HeapBudget;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Statistics of llama.cpp's imatrix tool, as GGUF or in its older format: for each weight the sum,
 * over tokens, of the square of each input column, and the number of tokens.
 *
 * <p>A norm is {@code sqrt(sum / tokens * tokens of a chunk)}, the same as in {@link Statistics}
 * with llama.cpp's chunks as samples. The older format doesn't say how long a chunk is, so its
 * norms are {@code sqrt(sum / tokens)}. A common factor changes no mask.
 */
public final class Imatrix {
  private static final Set<String> ENDINGS = Set.of(".gguf", ".dat", ".imatrix");
  private static final Pattern IN_BLOCK = Pattern.compile("blk\\.(\\d{1,6})\\.(\\w+)\\.weight");

  /**
   * LLaMA's linear modules by their names in GGML. GGML permutes the rows of some, but never
   * columns.
   */
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

  /** Returns whether a file's name has an ending of an imatrix. */
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
    return HeapBudget.within(
        file,
        () -> {
          LittleEndianFile in = LittleEndianFile.open(file);
          return in.startsWith("GGUF") ? new GgufImatrix(in).read() : readLegacy(in);
        });
  }

  /**
   * Checks the number of weights, before memory is allocated for them.
   *
   * @throws InputException if there are more than any model has
   */
  static int requireFew(Path file, int count) {
    if (count > MOST) {
      throw ErrorDetails.file(file).wrong("at most %d weights".formatted(MOST), count);
    }
    return count;
  }

  /**
   * Adds a weight's norms.
   *
   * @param weight the weight's name in GGML
   * @param sums the sums of squares by input column
   * @param scale the factor of the sums
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
    return ErrorDetails.file(file).tensor(weight).wrong(expected, found);
  }

  /** Returns the statistics of the weights that were added. */
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
   * Reads the format that llama.cpp's imatrix wrote before GGUF: the number of weights; for each
   * its name, its number of calls, and by column the mean square times the calls; the number of
   * chunks.
   */
  private static Statistics readLegacy(LittleEndianFile in) {
    Imatrix imatrix = new Imatrix(in.file());
    int weights = requireFew(in.file(), in.count("weights", 3 * Integer.BYTES));
    for (int index = 0; index < weights; index++) {
      String name = in.text(in.count("a name's bytes", 1));
      int calls = in.readInt();
      float[] sums = in.floats(in.count("values", Float.BYTES));
      if (calls < 1) {
        throw imatrix.problem(name, "1 call or more", Integer.toString(calls));
      }
      imatrix.add(name, sums, 1.0 / calls);
    }
    return imatrix.statistics(in.left() >= Integer.BYTES ? in.readInt() : 0, 0);
  }
}
