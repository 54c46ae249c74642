package io.github.wandacuda.calibration;

import static io.github.wandacuda.system.LittleEndian.FLOAT;

import io.github.wandacuda.DType;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/**
 * The second moments of a statistics file, which are read one module at a time, since all of them
 * are larger than a model. For each module there is an F32 vector {@code <module>.input_gram}: the
 * upper triangle of {@link Gram}, row by row.
 */
public final class GramFile implements AutoCloseable {
  /** What the name of a tensor of second moments ends in. */
  public static final String SUFFIX = ".input_gram";

  private static final long ALIGNMENT = 64;

  /** By how much, relatively, float32 sums of the same squares in two orders may differ. */
  private static final double TOLERANCE = 1e-3;

  /** An input below this has no square in float32, though its product with another may be there. */
  private static final double VANISHED = 1e-15;

  private final SafetensorsFile file;

  private GramFile(SafetensorsFile file) {
    this.file = file;
  }

  /**
   * Opens a statistics file.
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
   * @param norms the norms of the module's input columns, whose squares the diagonal has to be
   * @param memory takes them
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
                    ErrorDetails.file(file.path())
                        .tensor(name)
                        .hint("calibrate with second moments")
                        .wrong("second moments", "none"));
    if (!tensor.type().equals(Optional.of(DType.F32))
        || !tensor.shape().equals(List.of(elements))) {
      throw place(name)
          .wrong(
              "F32 [%d], the triangle of %d columns".formatted(elements, norms.length),
              "%s %s".formatted(Printable.of(tensor.dtype()), tensor.shape()));
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
    if (!(Math.abs(diagonal - square) <= TOLERANCE * square)) {
      throw place(name)
          .hint("calibrate again")
          .wrong(
              "the square of the norm %s at row %d, column %d".formatted(norm, row, row), diagonal);
    }
    long start = Gram.rowStart(gram.columns(), row);
    for (int i = 0; i < gram.columns() - row; i++) {
      float value = gram.triangle().getAtIndex(FLOAT, start + i);
      if (!Float.isFinite(value)) {
        throw place(name)
            .hint("calibrate again")
            .wrong("a finite number at row %d, column %d".formatted(row, row + i), value);
      }
      double most =
          (1 + TOLERANCE) * Math.hypot(norm, VANISHED) * Math.hypot(norms[row + i], VANISHED);
      if (Math.abs(value) > most) {
        throw place(name)
            .hint("calibrate again")
            .wrong(
                "at most the product of the norms %s and %s at row %d, column %d"
                    .formatted(norm, norms[row + i], row, row + i),
                value);
      }
    }
  }

  private ErrorDetails place(String name) {
    return ErrorDetails.file(file.path()).tensor(name);
  }

  @Override
  public void close() {
    file.close();
  }
}
