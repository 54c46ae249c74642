package io.github.wandacuda.families.reference;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.github.wandacuda.testing.SafetensorsBytes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;

/**
 * A small random model as Hugging Face transformers would compute it, in float64, sharing nothing
 * with the code under test. Running it makes its tensors up; {@link #write} makes a model directory
 * of them.
 */
public abstract class ReferenceModel {
  private static final JsonMapper JSON = JsonMapper.builder().build();

  final JsonNode config;
  final RandomTensors tensors;
  final String prefix;
  private final Map<String, double[]> squares = new TreeMap<>();
  private double routerGap = Double.POSITIVE_INFINITY;

  /**
   * Prepares a model.
   *
   * @param config as {@code config.json} would have it
   * @param dtype of the tensors
   * @param prefix of all names but the output matrix's
   */
  ReferenceModel(String config, String dtype, String prefix, long seed) {
    try {
      this.config = JSON.readTree(config);
    } catch (IOException e) {
      throw new IllegalArgumentException(e);
    }
    this.prefix = prefix;
    tensors = new RandomTensors(dtype, seed);
  }

  public static ReferenceModel of(String config, String dtype, String prefix, long seed) {
    if (DenseModels.TYPES.stream().anyMatch(type -> config.contains("\"%s\"".formatted(type)))) {
      return new DenseModels(config, dtype, prefix, seed);
    }
    return config.contains("\"gpt2\"")
            || config.contains("\"opt\"")
            || config.contains("\"gpt_neox\"")
            || config.contains("\"bloom\"")
            || config.contains("\"falcon\"")
        ? new LayerNormModels(config, dtype, prefix, seed)
        : new RmsNormModels(config, dtype, prefix, seed);
  }

  /** Returns the logits of each token, and adds to {@link #norms}. */
  public abstract double[][] logits(int[] tokens);

  /** Returns the norms of each linear module's input columns over so many sequences. */
  public Map<String, double[]> norms(int sequences) {
    Map<String, double[]> norms = new TreeMap<>();
    squares.forEach(
        (module, sums) -> {
          double[] roots = new double[sums.length];
          for (int column = 0; column < sums.length; column++) {
            roots[column] = Math.sqrt(sums[column] / sequences);
          }
          norms.put(module, roots);
        });
    return norms;
  }

  /** Returns how near a router's choice was to another one, in logits. */
  public double routerGap() {
    return routerGap;
  }

  final void routed(double gap) {
    routerGap = Math.min(routerGap, gap);
  }

  /** Writes a model directory, with some tensors that nothing computes with. */
  public void write(Path directory, String... extras) throws IOException {
    Files.createDirectories(directory);
    Files.writeString(directory.resolve("config.json"), config.toString());
    for (String extra : List.of(extras)) {
      tensors.extra(extra, 1, 1, 8, 8);
    }
    tensors.write(directory.resolve("model.safetensors"));
  }

  final int integer(String key) {
    if (!config.hasNonNull(key)) {
      throw new IllegalArgumentException(key);
    }
    return config.get(key).intValue();
  }

  final int integer(String key, int otherwise) {
    return config.hasNonNull(key) ? integer(key) : otherwise;
  }

  final double number(String key, double otherwise) {
    return config.hasNonNull(key) ? config.get(key).doubleValue() : otherwise;
  }

  final boolean flag(String key, boolean otherwise) {
    return config.hasNonNull(key) ? config.get(key).booleanValue() : otherwise;
  }

  final String text(String key, String otherwise) {
    return config.hasNonNull(key) ? config.get(key).textValue() : otherwise;
  }

  /** Bounds queries, keys or values, after their norms where they have both (OLMoE). */
  final double[][] clipped(double[][] x) {
    double most = number("clip_qkv", Double.POSITIVE_INFINITY);
    return Rows.map(x, value -> Math.clamp(value, -most, most));
  }

  final double[][] lookUp(String name, int height, int width, int[] rows) {
    double[][] table = tensors.matrix(name, height, width, 1);
    double[][] out = new double[rows.length][];
    for (int t = 0; t < rows.length; t++) {
      out[t] = table[rows[t]].clone();
    }
    return out;
  }

  /** A linear module of a block, whose input counts. */
  final double[][] linear(double[][] x, String name, int rows, boolean bias) {
    observe(x, name);
    return plain(x, name, rows, bias);
  }

  /** A linear module outside of the blocks. */
  final double[][] plain(double[][] x, String name, int rows, boolean bias) {
    int columns = x[0].length;
    double[][] w = tensors.matrix(name + ".weight", rows, columns, 1.3 / Math.sqrt(columns));
    return product(x, w, bias ? tensors.vector(name + ".bias", rows, 0, 0.3) : null);
  }

  /** A linear module that is stored as [in, out]. */
  final double[][] conv1d(double[][] x, String name, int rows) {
    observe(x, name);
    int columns = x[0].length;
    double[][] stored = tensors.matrix(name + ".weight", columns, rows, 1.3 / Math.sqrt(columns));
    double[][] w = new double[rows][columns];
    for (int o = 0; o < rows; o++) {
      for (int c = 0; c < columns; c++) {
        w[o][c] = stored[c][o];
      }
    }
    return product(x, w, tensors.vector(name + ".bias", rows, 0, 0.3));
  }

  static double[][] product(double[][] x, double[][] w, double[] bias) {
    double[][] out = new double[x.length][w.length];
    for (int t = 0; t < x.length; t++) {
      for (int o = 0; o < w.length; o++) {
        double sum = bias == null ? 0 : bias[o];
        for (int c = 0; c < x[t].length; c++) {
          sum += x[t][c] * w[o][c];
        }
        out[t][o] = sum;
      }
    }
    return out;
  }

  private void observe(double[][] x, String name) {
    if (x.length == 0) {
      return;
    }
    double[] sums = squares.computeIfAbsent(name, key -> new double[x[0].length]);
    for (double[] row : x) {
      for (int c = 0; c < row.length; c++) {
        sums[c] += row[c] * row[c];
      }
    }
  }

  final double[][] layerNorm(double[][] x, String name, double epsilon) {
    return Rows.layerNorm(
        x,
        tensors.vector(name + ".weight", x[0].length, 1, 0.2),
        tensors.vector(name + ".bias", x[0].length, 0, 0.2),
        epsilon);
  }

  final double[] frequencies(int features, double theta) {
    double[] frequencies = new double[(features + 1) / 2];
    for (int i = 0; i < frequencies.length; i++) {
      frequencies[i] = Math.pow(theta, -2.0 * i / features);
    }
    return frequencies;
  }

  /**
   * A checkpoint's tensors, made up when they are first asked for: whoever computes with them says
   * what they are called and how large they are.
   */
  static final class RandomTensors {
    private record Values(int[] shape, float[] data) {}

    private final Map<String, Values> tensors = new TreeMap<>();
    private final String dtype;
    private final long seed;

    /**
     * Begins a checkpoint.
     *
     * @param dtype F32, F16 or BF16, to which values are rounded
     */
    RandomTensors(String dtype, long seed) {
      this.dtype = dtype;
      this.seed = seed;
    }

    float[] get(String name, double mean, double deviation, int... shape) {
      Values values =
          tensors.computeIfAbsent(
              name,
              key -> {
                Random random = new Random(seed * 31 + key.hashCode());
                float[] data = new float[Arrays.stream(shape).reduce(1, (a, b) -> a * b)];
                for (int i = 0; i < data.length; i++) {
                  data[i] = rounded((float) (mean + deviation * random.nextGaussian()));
                }
                return new Values(shape, data);
              });
      if (!Arrays.equals(values.shape(), shape)) {
        throw new IllegalStateException(name + " has two shapes");
      }
      return values.data();
    }

    private float rounded(float value) {
      return switch (dtype) {
        case "F16" -> Float.float16ToFloat(Float.floatToFloat16(value));
        case "BF16" -> Float.intBitsToFloat(Float.floatToRawIntBits(value) & 0xffff_0000);
        default -> value;
      };
    }

    double[][] matrix(String name, int rows, int columns, double deviation) {
      float[] data = get(name, 0, deviation, rows, columns);
      double[][] matrix = new double[rows][columns];
      for (int i = 0; i < data.length; i++) {
        matrix[i / columns][i % columns] = data[i];
      }
      return matrix;
    }

    double[] vector(String name, int length, double mean, double deviation) {
      float[] data = get(name, mean, deviation, length);
      double[] vector = new double[length];
      Arrays.setAll(vector, i -> data[i]);
      return vector;
    }

    /** Adds a tensor that nothing computes with. */
    void extra(String name, int... shape) {
      get(name, 0, 1, shape);
    }

    /** Writes all that were asked for. */
    void write(Path file) throws IOException {
      SafetensorsBytes bytes = new SafetensorsBytes();
      for (Map.Entry<String, Values> tensor : tensors.entrySet()) {
        Values values = tensor.getValue();
        bytes.raw(tensor.getKey(), dtype, encoded(values.data()), values.shape());
      }
      bytes.write(file);
    }

    private byte[] encoded(float[] values) {
      int size = dtype.equals("F32") ? 4 : 2;
      ByteBuffer bytes = ByteBuffer.allocate(size * values.length).order(ByteOrder.LITTLE_ENDIAN);
      for (float value : values) {
        switch (dtype) {
          case "F16" -> bytes.putShort(Float.floatToFloat16(value));
          case "BF16" -> bytes.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
          default -> bytes.putFloat(value);
        }
      }
      return bytes.array();
    }
  }
}
