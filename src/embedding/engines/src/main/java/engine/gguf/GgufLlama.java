package engine.gguf;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Map;

/**
 * LLaMA on a GGUF file of F32, F16 and BF16 tensors, one token at a time, as llama3.java does it in
 * plain Java: it reads its weights where the file is mapped. The rows of q and k are in llama.cpp's
 * order, in which RoPE turns neighbours.
 */
public final class GgufLlama {
  /** Sees what goes into each matrix. */
  @FunctionalInterface
  public interface Observer {
    /** Called before {@code tensor} is multiplied with {@code input}. */
    void input(String tensor, float[] input);
  }

  /** What a file calls the width of a head, if it isn't the model's divided by the heads. */
  public static final String HEAD_WIDTH = "llama.attention.key_length";

  private static final ValueLayout.OfInt INT =
      ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
  private static final ValueLayout.OfShort SHORT =
      ValueLayout.JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

  private final GgufFile file;
  private final Map<String, PackedTensor> packed;
  private final Observer observer;
  private final int width;
  private final int blocks;
  private final int heads;
  private final int keyHeads;
  private final int headWidth;
  private final float epsilon;
  private final float theta;
  private final float[][][] keys;
  private final float[][][] values;

  /** Makes a model that starts at position 0. */
  public GgufLlama(GgufFile file, Observer observer) {
    this(file, Map.of(), observer);
  }

  /** Makes a model that multiplies by packed matrices where there are any. */
  public GgufLlama(GgufFile file, Map<String, PackedTensor> packed, Observer observer) {
    this.file = file;
    this.packed = packed;
    this.observer = observer;
    width = file.integer("llama.embedding_length");
    blocks = file.integer("llama.block_count");
    heads = file.integer("llama.attention.head_count");
    keyHeads = file.integer("llama.attention.head_count_kv");
    headWidth = file.integer(HEAD_WIDTH, width / heads);
    epsilon = file.fraction("llama.attention.layer_norm_rms_epsilon");
    theta = file.fraction("llama.rope.freq_base");
    int positions = file.integer("llama.context_length");
    keys = new float[blocks][positions][];
    values = new float[blocks][positions][];
  }

  /** Returns the logits of the token after this one. */
  public float[] forward(int token, int position) {
    float[] x = new float[width];
    row(file.tensors().get("token_embd.weight"), token, x);
    for (int block = 0; block < blocks; block++) {
      attend(x, block, position);
      feedForward(x, block);
    }
    return multiply("output", normalized(x, "output_norm"));
  }

  private void attend(float[] x, int block, int position) {
    String name = "blk." + block + ".";
    float[] input = normalized(x, name + "attn_norm");
    float[] queries = multiply(name + "attn_q", input);
    keys[block][position] = multiply(name + "attn_k", input);
    values[block][position] = multiply(name + "attn_v", input);
    rotate(queries, position);
    rotate(keys[block][position], position);
    float[] mixed = new float[queries.length];
    for (int head = 0; head < heads; head++) {
      attend(queries, head, block, position, mixed);
    }
    add(x, multiply(name + "attn_output", mixed));
  }

  private void attend(float[] queries, int head, int block, int position, float[] mixed) {
    int from = head * headWidth;
    int keyFrom = head / (heads / keyHeads) * headWidth;
    double[] scores = new double[position + 1];
    double highest = Double.NEGATIVE_INFINITY;
    for (int p = 0; p <= position; p++) {
      for (int i = 0; i < headWidth; i++) {
        scores[p] += queries[from + i] * keys[block][p][keyFrom + i];
      }
      scores[p] /= Math.sqrt(headWidth);
      highest = Math.max(highest, scores[p]);
    }
    double sum = 0;
    for (int p = 0; p <= position; p++) {
      scores[p] = Math.exp(scores[p] - highest);
      sum += scores[p];
    }
    for (int p = 0; p <= position; p++) {
      for (int i = 0; i < headWidth; i++) {
        mixed[from + i] += (float) (scores[p] / sum) * values[block][p][keyFrom + i];
      }
    }
  }

  private void feedForward(float[] x, int block) {
    String name = "blk." + block + ".";
    float[] input = normalized(x, name + "ffn_norm");
    float[] gate = multiply(name + "ffn_gate", input);
    float[] up = multiply(name + "ffn_up", input);
    for (int i = 0; i < gate.length; i++) {
      gate[i] = gate[i] / (1 + (float) Math.exp(-gate[i])) * up[i];
    }
    add(x, multiply(name + "ffn_down", gate));
  }

  private void rotate(float[] x, int position) {
    for (int i = 0; i < x.length; i += 2) {
      double angle = position * Math.pow(theta, -(double) (i % headWidth) / headWidth);
      float cos = (float) Math.cos(angle);
      float sin = (float) Math.sin(angle);
      float first = x[i];
      x[i] = first * cos - x[i + 1] * sin;
      x[i + 1] = first * sin + x[i + 1] * cos;
    }
  }

  private float[] normalized(float[] x, String name) {
    double sum = 0;
    for (float value : x) {
      sum += value * value;
    }
    float scale = (float) (1 / Math.sqrt(sum / x.length + epsilon));
    float[] result = new float[x.length];
    row(file.tensors().get(name + ".weight"), 0, result);
    for (int i = 0; i < x.length; i++) {
      result[i] *= x[i] * scale;
    }
    return result;
  }

  private float[] multiply(String name, float[] x) {
    String tensor = name + ".weight";
    observer.input(tensor, x);
    if (packed.containsKey(tensor)) {
      return packed.get(tensor).multiply(x);
    }
    GgufFile.Tensor weight = file.tensors().get(tensor);
    float[] result = new float[weight.rows()];
    float[] row = new float[weight.columns()];
    for (int r = 0; r < result.length; r++) {
      row(weight, r, row);
      for (int c = 0; c < row.length; c++) {
        result[r] += row[c] * x[c];
      }
    }
    return result;
  }

  private static void add(float[] x, float[] y) {
    for (int i = 0; i < x.length; i++) {
      x[i] += y[i];
    }
  }

  private static void row(GgufFile.Tensor tensor, int row, float[] to) {
    MemorySegment data = tensor.data();
    long from = (long) row * tensor.columns();
    for (int c = 0; c < to.length; c++) {
      to[c] =
          switch (tensor.type()) {
            case GgufFile.F32 -> Float.intBitsToFloat(data.get(INT, 4 * (from + c)));
            case GgufFile.F16 -> Float.float16ToFloat(data.get(SHORT, 2 * (from + c)));
            default -> Float.intBitsToFloat(data.get(SHORT, 2 * (from + c)) << 16);
          };
    }
  }
}
