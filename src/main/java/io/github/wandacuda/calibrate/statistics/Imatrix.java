package io.github.wandacuda.calibrate.statistics;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Statistics that llama.cpp's imatrix tool wrote, as GGUF or in its older format: for each weight
 * the sum, over tokens, of the square of each input column, and how many tokens there were.
 *
 * <p>A norm is {@code sqrt(sum / tokens * tokens of a chunk)}, which is that of {@link Statistics}
 * with llama.cpp's chunks as samples. The older format doesn't tell a chunk's length; there a norm
 * is {@code sqrt(sum / tokens)}. A common factor changes no mask.
 */
public final class Imatrix {
  private static final Set<String> ENDINGS = Set.of(".gguf", ".dat", ".imatrix");
  private static final Pattern IN_BLOCK = Pattern.compile("blk\\.(\\d{1,6})\\.(\\w+)\\.weight");

  /** GGML's names of LLaMA's linear modules. What it permutes of them are rows, not columns. */
  private static final Map<String, String> MODULES =
      Map.of(
          "attn_q", "self_attn.q_proj",
          "attn_k", "self_attn.k_proj",
          "attn_v", "self_attn.v_proj",
          "attn_output", "self_attn.o_proj",
          "ffn_gate", "mlp.gate_proj",
          "ffn_up", "mlp.up_proj",
          "ffn_down", "mlp.down_proj");

  /** Two for each weight, in GGUF. */
  private static final int MOST = 200_000;

  private final Path file;
  private final SortedMap<String, float[]> norms = new TreeMap<>();

  Imatrix(Path file) {
    this.file = file;
  }

  /** Returns whether a file's name is one of an imatrix. */
  public static boolean isNamed(Path file) {
    String name = file.toString().toLowerCase(Locale.ROOT);
    return ENDINGS.stream().anyMatch(name::endsWith);
  }

  /**
   * Reads an imatrix of a model with LLaMA's modules.
   *
   * @throws InputException if it isn't one, holds a number that is negative or not finite, or a
   *     weight inside the blocks that none of LLaMA's modules is
   */
  public static Statistics read(Path file) {
    LittleEndianFile in = LittleEndianFile.open(file);
    return in.startsWith("GGUF") ? new GgufImatrix(in).read() : new LegacyImatrix(in).read();
  }

  /**
   * Checks how many weights there are, before memory is taken for each.
   *
   * @throws InputException if they are more than any model's
   */
  static int requireFew(Path file, int count) {
    if (count > MOST) {
      throw new InputException(
          ErrorDetails.file(file).expected("at most %d weights".formatted(MOST), "" + count));
    }
    return count;
  }

  /**
   * Adds a weight's norms.
   *
   * @param weight its name in GGML
   * @param sums of the squares, by input column
   * @param scale what a sum is to be multiplied by
   */
  void add(String weight, float[] sums, double scale) {
    Matcher matcher = IN_BLOCK.matcher(weight);
    if (!matcher.matches()) {
      // The head's, which isn't pruned.
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
    return new InputException(ErrorDetails.file(file).tensor(weight).expected(expected, found));
  }

  /** Returns what was added. */
  Statistics statistics(long chunks, long chunkTokens) {
    if (norms.isEmpty()) {
      throw new InputException(
          ErrorDetails.file(file)
              .expected("sums of a model's blocks (blk.0.attn_q.weight and so on)", "none"));
    }
    return new Statistics(norms, count(chunks), count(chunkTokens));
  }

  private static int count(long number) {
    return (int) Math.clamp(number, 0, Integer.MAX_VALUE);
  }
}
