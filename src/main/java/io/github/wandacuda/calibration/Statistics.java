package io.github.wandacuda.calibration;

import io.github.wandacuda.DType;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SafetensorsWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.AtomicWrite;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * Activation statistics: the norm of each input column of each linear module. For module m and
 * column j it is {@code sqrt(1/S * sum over S samples of the sum over tokens of x_j^2)}, where S
 * counts samples, not tokens, as in the code of Wanda (arXiv 2306.11695). A common factor changes
 * no mask.
 *
 * <p>The file is a safetensors file with an F32 vector {@code <module>.input_norm} for each module.
 * It may have second moments too, which are left to {@link GramFile}.
 *
 * @param norms the norms by module name
 * @param samples S
 * @param sequenceLength tokens of a sample
 * @param joined whether samples were drawn from documents that were joined
 */
public record Statistics(
    SortedMap<String, float[]> norms, int samples, int sequenceLength, boolean joined) {
  /** The value of the file's {@code format}. */
  public static final String FORMAT = "wanda-cuda.statistics.v1";

  /** What the name of a tensor of norms ends in. */
  public static final String SUFFIX = ".input_norm";

  private static final String JOIN = "join";

  /** Makes statistics of samples that weren't joined, or of which that isn't known. */
  public Statistics(SortedMap<String, float[]> norms, int samples, int sequenceLength) {
    this(norms, samples, sequenceLength, false);
  }

  /**
   * Reads a statistics file.
   *
   * @throws InputException if it isn't one, or a norm is negative, NaN or infinite; the message
   *     names module and column
   */
  public static Statistics read(Path file) {
    try (SafetensorsFile in = SafetensorsFile.open(file)) {
      String format = in.metadata().getOrDefault("format", "none");
      if (!format.equals(FORMAT)) {
        throw ErrorDetails.file(file)
            .hint("statistics are what 'calibrate' writes, or an imatrix of llama.cpp")
            .wrong("format %s in its metadata".formatted(FORMAT), Printable.of(format));
      }
      List<TensorInfo> vectors =
          in.tensors().stream().filter(tensor -> !tensor.name().endsWith(GramFile.SUFFIX)).toList();
      requireRoom(file, vectors);
      SortedMap<String, float[]> norms = new TreeMap<>();
      for (TensorInfo tensor : vectors) {
        norms.put(module(file, tensor), vector(in, tensor));
      }
      return new Statistics(
          norms,
          count(file, in.metadata(), "samples"),
          count(file, in.metadata(), "sequence_length"),
          in.metadata().containsKey(JOIN));
    }
  }

  /** Returns whether a file's metadata say that it is a statistics file. */
  public static boolean isOne(Path file) {
    try (SafetensorsFile in = SafetensorsFile.open(file)) {
      return FORMAT.equals(in.metadata().get("format"));
    } catch (InputException e) {
      return false;
    }
  }

  private static void requireRoom(Path file, List<TensorInfo> vectors) {
    long most = Runtime.getRuntime().maxMemory() / 2;
    long bytes = vectors.stream().mapToLong(TensorInfo::bytes).sum();
    if (bytes > most) {
      throw ErrorDetails.file(file)
          .hint("give the heap more with -Xmx")
          .wrong("norms of at most %d bytes, half of the Java heap".formatted(most), bytes);
    }
  }

  private static String module(Path file, TensorInfo tensor) {
    if (!tensor.name().endsWith(SUFFIX)) {
      throw ErrorDetails.file(file)
          .tensor(tensor.name())
          .wrong("a name that ends in " + SUFFIX, "another");
    }
    return tensor.name().substring(0, tensor.name().length() - SUFFIX.length());
  }

  private static float[] vector(SafetensorsFile in, TensorInfo tensor) {
    if (!tensor.type().equals(Optional.of(DType.F32)) || tensor.shape().size() != 1) {
      throw ErrorDetails.file(in.path())
          .tensor(tensor.name())
          .wrong("an F32 vector", "%s %s".formatted(Printable.of(tensor.dtype()), tensor.shape()));
    }
    float[] norms = in.vector(tensor);
    for (int column = 0; column < norms.length; column++) {
      if (!(norms[column] >= 0) || Float.isInfinite(norms[column])) {
        throw ErrorDetails.file(in.path())
            .tensor(tensor.name())
            .hint("calibrate again")
            .wrong("a finite norm of 0 or more at column %d".formatted(column), norms[column]);
      }
    }
    return norms;
  }

  private static int count(Path file, Map<String, String> metadata, String key) {
    String value = metadata.getOrDefault(key, "0");
    try {
      int count = Integer.parseInt(value);
      if (count >= 0) {
        return count;
      }
    } catch (NumberFormatException e) {
      // Reported below, as a negative number is.
    }
    throw ErrorDetails.file(file)
        .part("metadata " + key)
        .wrong("a whole number", "'%s'".formatted(Printable.of(value)));
  }

  /** Returns the file's content. */
  public AtomicWrite.Content content() {
    SortedMap<String, float[]> tensors = new TreeMap<>();
    norms.forEach((module, values) -> tensors.put(module + SUFFIX, values));
    return SafetensorsWriter.content(tensors, metadata());
  }

  /** Returns the same of samples that were joined or not. */
  public Statistics joined(boolean other) {
    return new Statistics(norms, samples, sequenceLength, other);
  }

  /** Returns the file's metadata. */
  public Map<String, String> metadata() {
    Map<String, String> metadata = new TreeMap<>();
    metadata.put("format", FORMAT);
    metadata.put("samples", Integer.toString(samples));
    metadata.put("sequence_length", Integer.toString(sequenceLength));
    if (joined) {
      metadata.put(JOIN, "true");
    }
    return metadata;
  }
}
