package io.github.wandacuda.calibration;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SafetensorsWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.AtomicWrite;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Collections;
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
 * <p>The file is a safetensors file with an F32 vector {@code <module>.input_norm} for each module,
 * and for routers vectors called as {@link ExpertScore#tensor} says. It may have second moments
 * too, which are left to {@link GramFile}.
 *
 * @param norms the norms by module name
 * @param experts the scores of mixtures' experts by the names of their tensors
 * @param samples S, the number of samples
 * @param sequenceLength tokens of a sample
 * @param joined whether samples were drawn from documents that were joined
 */
public record Statistics(
    SortedMap<String, float[]> norms,
    SortedMap<String, float[]> experts,
    int samples,
    int sequenceLength,
    boolean joined) {
  public static final String FORMAT = "wanda-cuda.statistics.v1";

  /** What the name of a tensor of norms ends in. */
  public static final String SUFFIX = ".input_norm";

  private static final String JOIN = "join";

  /** Makes statistics of samples that weren't joined, or of which that isn't known. */
  public Statistics(SortedMap<String, float[]> norms, int samples, int sequenceLength) {
    this(norms, Collections.emptySortedMap(), samples, sequenceLength, false);
  }

  /**
   * Reads a statistics file without its second moments.
   *
   * @throws InputException if it isn't one, doesn't fit into half of the heap, or a norm is
   *     negative, NaN or infinite; the message names module and column
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
      SortedMap<String, float[]> experts = new TreeMap<>();
      for (TensorInfo tensor : vectors) {
        if (ExpertScore.isNamed(tensor.name())) {
          experts.put(tensor.name(), vector(in, tensor, "score", "expert"));
        } else {
          norms.put(module(file, tensor), vector(in, tensor, "norm", "column"));
        }
      }
      return new Statistics(
          norms,
          experts,
          count(file, in.metadata(), "samples"),
          count(file, in.metadata(), "sequence_length"),
          in.metadata().containsKey(JOIN));
    }
  }

  /** Returns whether a file's metadata say that it is a statistics file. */
  public static boolean isOne(Path file) {
    return SafetensorsFile.isOf(file, FORMAT);
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
      throw ErrorDetails.tensor(file, tensor.name())
          .wrong("a name that ends in " + SUFFIX, "another");
    }
    return tensor.name().substring(0, tensor.name().length() - SUFFIX.length());
  }

  private static float[] vector(SafetensorsFile in, TensorInfo tensor, String what, String of) {
    if (!tensor.type().equals(Optional.of(DType.F32)) || tensor.shape().size() != 1) {
      throw ErrorDetails.tensor(in.path(), tensor.name()).wrong("an F32 vector", tensor.what());
    }
    float[] norms = in.vector(tensor);
    for (int column = 0; column < norms.length; column++) {
      if (!(norms[column] >= 0) || Float.isInfinite(norms[column])) {
        throw ErrorDetails.tensor(in.path(), tensor.name())
            .hint("calibrate again")
            .wrong("a finite %s of 0 or more at %s %d".formatted(what, of, column), norms[column]);
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
    throw ErrorDetails.part(file, "metadata " + key)
        .wrong("a whole number", "'%s'".formatted(Printable.of(value)));
  }

  /** Returns the file's content, without second moments. */
  public AtomicWrite.Content content() {
    SortedMap<String, float[]> tensors = new TreeMap<>(experts);
    norms.forEach((module, values) -> tensors.put(module + SUFFIX, values));
    return SafetensorsWriter.content(tensors, metadata());
  }

  /**
   * Returns the same statistics with another {@code joined}.
   *
   * @param other whether samples were drawn from documents that were joined
   */
  public Statistics joined(boolean other) {
    return new Statistics(norms, experts, samples, sequenceLength, other);
  }

  /**
   * Returns the file's metadata: format, number and length of samples, and whether they were
   * joined.
   */
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

  /**
   * The second moments of a statistics file, which are read one module at a time, since all of them
   * are larger than a model. For each module there is an F32 vector {@code <module>.input_gram}:
   * the upper triangle of {@link Gram}, row by row.
   */
  public record GramFile(SafetensorsFile file) implements AutoCloseable {
    /** What the name of a tensor of second moments ends in. */
    public static final String SUFFIX = ".input_gram";

    private static final long ALIGNMENT = 64;

    /** By how much, relatively, float32 sums of the same squares in two orders may differ. */
    private static final double TOLERANCE = 1e-3;

    /**
     * The square of an input below this is 0 in float32, though its product with a larger one may
     * not be.
     */
    private static final double VANISHED = 1e-15;

    /**
     * Opens a statistics file, which is to be closed again; whether it has second moments isn't
     * checked.
     *
     * @throws InputException if it isn't a safetensors file
     */
    public static GramFile open(Path file) {
      return new GramFile(SafetensorsFile.open(file));
    }

    /** Returns whether there are second moments of a module. */
    public boolean has(String module) {
      return file.tensor(module + SUFFIX).isPresent();
    }

    /**
     * Reads the second moments of a module.
     *
     * @param module the module's full name
     * @param norms the norms of the module's input columns, whose squares the diagonal has to be
     * @param memory takes the moments, and bounds how long they are valid
     * @throws InputException if there are none, or they are of another size, aren't finite, aren't
     *     those of the norms, or are larger than inputs of these norms can have; the message names
     *     row and column
     */
    public Gram read(String module, float[] norms, Arena memory) {
      String name = module + SUFFIX;
      long elements = Gram.elements(norms.length);
      TensorInfo tensor =
          file.tensor(name)
              .orElseThrow(
                  () ->
                      place(name)
                          .hint("calibrate with second moments")
                          .wrong("second moments", "none"));
      if (!tensor.type().equals(Optional.of(DType.F32))
          || !tensor.shape().equals(List.of(elements))) {
        throw place(name)
            .wrong(
                "F32 [%d], the triangle of %d columns".formatted(elements, norms.length),
                tensor.what());
      }
      MemorySegment triangle = memory.allocate(tensor.bytes(), ALIGNMENT);
      file.read(tensor, 0, triangle);
      Gram gram = new Gram(norms.length, triangle);
      for (int row = 0; row < norms.length; row++) {
        requireRow(name, gram, row, norms);
      }
      return gram;
    }

    private void requireRow(String name, Gram gram, int row, float[] norms) {
      float norm = norms[row];
      double square = (double) norm * norm;
      float diagonal = gram.get(row, row);
      ErrorDetails place = place(name).hint("calibrate again");
      if (!(Math.abs(diagonal - square) <= TOLERANCE * square)) {
        throw place.wrong(
            "the square of the norm %s at row %d, column %d".formatted(norm, row, row), diagonal);
      }
      long start = Gram.rowStart(gram.columns(), row);
      for (int i = 0; i < gram.columns() - row; i++) {
        float value = gram.triangle().getAtIndex(FLOAT, start + i);
        if (!Float.isFinite(value)) {
          throw place.wrong("a finite number at row %d, column %d".formatted(row, row + i), value);
        }
        double most =
            (1 + TOLERANCE) * Math.hypot(norm, VANISHED) * Math.hypot(norms[row + i], VANISHED);
        if (Math.abs(value) > most) {
          throw place.wrong(
              "at most the product of the norms %s and %s at row %d, column %d"
                  .formatted(norm, norms[row + i], row, row + i),
              value);
        }
      }
    }

    private ErrorDetails place(String name) {
      return ErrorDetails.tensor(file.path(), name);
    }

    @Override
    public void close() {
      file.close();
    }
  }
}
