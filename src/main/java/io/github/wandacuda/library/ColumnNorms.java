package io.github.wandacuda.library;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.DeviceMatrix;
import io.github.wandacuda.WeightMatrix;
import io.github.wandacuda.error.WandaException;
import io.github.wandacuda.forward.ColumnSquares;
import io.github.wandacuda.forward.Operations;
import io.github.wandacuda.forward.Tensor;
import io.github.wandacuda.system.OnFailure;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.Supplier;

/**
 * Sums of squares of a linear layer's input columns, from the caller's own forward pass: the norms
 * that Wanda scores with (arXiv 2306.11695, section 3).
 *
 * <pre>{@code
 * try (ColumnNorms norms = pruner.columnNorms(inFeatures)) {
 *   for (float[] activations : batches) {
 *     norms.add(activations);
 *   }
 *   pruner.prune(weight, norms.toCriterion(sequences), new Sparsity.Ratio(0.5));
 * }
 * }</pre>
 *
 * <p>A value is widened exactly to float32, its square is rounded to float32, and the squares of 32
 * consecutive tokens of a call are summed in float32 before they go into a float64. So the norms
 * are those of {@code wanda-cuda calibrate} to the bit where batches are the same, or all but the
 * last of them multiples of 32 tokens.
 *
 * <p>Each is used by one thread at a time; several may be used at the same time. Arguments must not
 * be null, and once this is closed, or if the device fails, methods throw {@link
 * IllegalStateException}.
 */
public final class ColumnNorms implements AutoCloseable {
  /** Elements that are widened at a time: few enough to stay in a cache. */
  private static final int MOST_ELEMENTS = 1 << 20;

  /** A multiple of the tokens that are summed in float32, so that cutting changes no sum. */
  private static final int TOKENS = 32;

  private final OpenBackend open;
  private final int columns;
  private final ColumnSquares squares;
  private final double[] merged;

  /** Where activations are put on the device; made when first needed. */
  private Tensor piece;

  private boolean closed;

  private ColumnNorms(OpenBackend open, int columns, ColumnSquares squares) {
    this.open = open;
    this.columns = columns;
    this.squares = squares;
    merged = new double[columns];
  }

  /** Makes sums that are all zero. */
  static ColumnNorms on(OpenBackend open, int columns) {
    if (columns < 0) {
      throw new IllegalArgumentException("columns: expected at least 0, found " + columns);
    }
    open.enter();
    return OnFailure.close(
        open::leave,
        () ->
            locked(
                open,
                () -> new ColumnNorms(open, columns, operations(open).columnSquares(columns))));
  }

  private static Operations operations(OpenBackend open) {
    return open.backend.operations();
  }

  /** Uses the device alone. */
  private static <T> T locked(OpenBackend open, Supplier<T> work) {
    synchronized (open.operations) {
      try {
        return work.get();
      } catch (WandaException e) {
        throw new IllegalStateException(e.getMessage(), e);
      }
    }
  }

  /** {@return the number of columns} */
  public int columns() {
    return columns;
  }

  /**
   * Adds the squares of activations.
   *
   * @param activations [tokens, columns]; read by the calling thread
   * @return this
   * @throws IllegalArgumentException if they have other columns
   * @throws IllegalStateException if the memory is closed, or this is, or the device fails
   * @throws WrongThreadException if the memory is confined to another thread
   */
  public ColumnNorms add(WeightMatrix activations) {
    Objects.requireNonNull(activations, "activations");
    requireOpen();
    requireColumns("activations", activations.columns());
    Memory.requireReadable("activations", activations.data());
    int tokens = tokensAtOnce();
    float[] values = new float[Math.min(tokens, activations.rows()) * columns];
    for (int first = 0; first < activations.rows(); first += tokens) {
      int count = Math.min(tokens, activations.rows() - first);
      for (int row = 0; row < count; row++) {
        activations.read(first + row, 0, columns, values, row * columns);
      }
      add(MemorySegment.ofArray(values), count);
    }
    return this;
  }

  /**
   * Adds the squares of all activations in an array, token after token.
   *
   * @param activations whole tokens
   * @return this
   * @throws IllegalArgumentException if its length is no multiple of the columns
   */
  public ColumnNorms add(float[] activations) {
    int tokens = columns == 0 ? 0 : activations.length / columns;
    if (tokens * columns != activations.length) {
      throw new IllegalArgumentException(
          "activations: expected a multiple of %d columns, found %d elements"
              .formatted(columns, activations.length));
    }
    return add(activations, 0, tokens);
  }

  /**
   * Adds the squares of some activations in an array, token after token.
   *
   * @param activations the array
   * @param from the first token's first element
   * @param tokens how many tokens
   * @return this
   * @throws IndexOutOfBoundsException if the array doesn't hold them
   */
  public ColumnNorms add(float[] activations, int from, int tokens) {
    Objects.requireNonNull(activations, "activations");
    requireOpen();
    Objects.checkFromIndexSize((long) from, (long) tokens * columns, activations.length);
    int some = tokensAtOnce();
    MemorySegment all = MemorySegment.ofArray(activations);
    for (int first = 0; first < tokens; first += some) {
      int count = Math.min(some, tokens - first);
      long start = from + (long) first * columns;
      add(all.asSlice(start * Float.BYTES, (long) count * columns * Float.BYTES), count);
    }
    return this;
  }

  /**
   * Adds the squares of activations in this pruner's device's memory, which stay there. The work
   * begins after what their queue had been given before, and is done when the call returns. The
   * sums are those of the same values in host memory, to the bit.
   *
   * @param activations [tokens, columns]
   * @return this
   * @throws UnsupportedOperationException if this pruner's backend has no such memory
   * @throws IllegalArgumentException if they have other columns, or aren't in memory of this device
   *     and of the right context
   */
  public ColumnNorms add(DeviceMatrix activations) {
    Objects.requireNonNull(activations, "activations");
    requireOpen();
    requireColumns("activations", activations.columns());
    int tokens = tokensAtOnce();
    for (int first = 0; first < activations.rows(); first += tokens) {
      DeviceMatrix part = activations.rows(first, Math.min(tokens, activations.rows() - first));
      locked(
          open,
          () -> {
            squares.add(part);
            return part;
          });
    }
    return this;
  }

  private int tokensAtOnce() {
    return Math.max(1, MOST_ELEMENTS / Math.max(1, columns) / TOKENS) * TOKENS;
  }

  private void add(MemorySegment values, int tokens) {
    if (columns == 0) {
      return;
    }
    locked(
        open,
        () -> {
          Operations operations = operations(open);
          if (piece == null || piece.rows() < tokens) {
            closePiece();
            piece = operations.tensor(tokens, columns);
          }
          Tensor part = piece.rows(0, tokens);
          operations.upload(values, part);
          squares.add(part);
          return part;
        });
  }

  private void closePiece() {
    if (piece != null) {
      piece.close();
      piece = null;
    }
  }

  /**
   * Adds another one's sums, such as those of another thread. Floating-point sums depend on their
   * order: merge in a fixed one for the same bits.
   *
   * @param other stays as it is; of this pruner or another
   * @return this
   * @throws IllegalArgumentException if it has other columns, or is this
   * @throws IllegalStateException if either is closed, or the device fails
   */
  public ColumnNorms merge(ColumnNorms other) {
    Objects.requireNonNull(other, "other");
    requireOpen();
    if (other == this) {
      throw new IllegalArgumentException("other: expected other norms, found these");
    }
    requireColumns("other", other.columns);
    double[] sums = other.sums();
    for (int column = 0; column < columns; column++) {
      merged[column] += sums[column];
    }
    return this;
  }

  /** {@return the sum of the squares of each column} */
  public double[] sums() {
    requireOpen();
    double[] sums = locked(open, squares::sums);
    for (int column = 0; column < columns; column++) {
      sums[column] += merged[column];
    }
    return sums;
  }

  /**
   * {@return the norm of each column, the root of its sum over the number of samples, as float32}
   *
   * @param samples sequences that were seen, 1 or more
   * @throws IllegalArgumentException if {@code samples} is less than 1
   */
  public float[] norms(long samples) {
    if (samples < 1) {
      throw new IllegalArgumentException("samples: expected at least 1, found " + samples);
    }
    double[] sums = sums();
    float[] norms = new float[columns];
    for (int column = 0; column < columns; column++) {
      norms[column] = (float) Math.sqrt(sums[column] / samples);
    }
    return norms;
  }

  /**
   * {@return Wanda's criterion with these norms}
   *
   * @param samples sequences that were seen, 1 or more
   * @throws IllegalArgumentException if {@code samples} is less than 1, or activations were so
   *     large, or no numbers, that a norm isn't finite; the message names its column
   */
  public Criterion toCriterion(long samples) {
    return Criterion.wanda(norms(samples));
  }

  /** Returns how many columns there are. */
  @Override
  public String toString() {
    return "ColumnNorms[%d columns]".formatted(columns);
  }

  private void requireColumns(String argument, int found) {
    if (found != columns) {
      throw new IllegalArgumentException(
          "%s: expected %d columns, found %d".formatted(argument, columns, found));
    }
  }

  private void requireOpen() {
    if (closed) {
      throw new IllegalStateException("the column norms are closed");
    }
  }

  /** Gives the device's memory back. A second call does nothing. */
  @Override
  public void close() {
    if (closed) {
      return;
    }
    closed = true;
    try {
      locked(
          open,
          () -> {
            closePiece();
            squares.close();
            return squares;
          });
    } finally {
      open.leave();
    }
  }
}
