package io.github.wandacuda.library;

import io.github.wandacuda.Criterion;
import io.github.wandacuda.Mask;
import io.github.wandacuda.PruneOptions;
import io.github.wandacuda.Sparsity;
import io.github.wandacuda.WeightMatrix;
import java.util.Objects;

/**
 * What a call is asked for, checked: from here on nothing fails but for what the weights are, and
 * for devices.
 *
 * @param source the weights
 * @param destination where the result goes, {@code source} itself or apart from it; null for the
 *     mask alone
 * @param mask where the mask goes, or null
 */
record MatrixRequest(
    WeightMatrix source,
    WeightMatrix destination,
    Mask mask,
    Scoring scoring,
    PruneOptions options) {
  /** Checks a call that prunes a matrix where it lies. */
  static MatrixRequest inPlace(
      WeightMatrix weight, Criterion criterion, Sparsity sparsity, PruneOptions options) {
    Objects.requireNonNull(weight, "weight");
    Scoring scoring = Scoring.of(criterion, sparsity, options);
    Memory.requireWritable("weight", weight.data());
    Memory.requireApart("weight", weight);
    return new MatrixRequest(weight, weight, options.mask(), scoring, options).checked("weight");
  }

  /** Checks a call that writes the result elsewhere. */
  static MatrixRequest into(
      WeightMatrix source,
      WeightMatrix destination,
      Criterion criterion,
      Sparsity sparsity,
      PruneOptions options) {
    Objects.requireNonNull(source, "source");
    Objects.requireNonNull(destination, "destination");
    Scoring scoring = Scoring.of(criterion, sparsity, options);
    if (source.dtype() != destination.dtype()
        || source.rows() != destination.rows()
        || source.columns() != destination.columns()) {
      throw new IllegalArgumentException(
          "destination: expected %s as the source, found %s"
              .formatted(shape(source), shape(destination)));
    }
    Memory.requireReadable("source", source.data());
    Memory.requireWritable("destination", destination.data());
    Memory.requireApart("destination", destination);
    boolean same = Memory.isSame(source, destination);
    if (!same) {
      Memory.requireDistinct("destination", destination.span(), "the source", source.span());
    }
    return new MatrixRequest(
            same ? destination : source, destination, options.mask(), scoring, options)
        .checked("source");
  }

  /** Checks a call that writes the mask alone. */
  static MatrixRequest maskOnly(
      WeightMatrix weight,
      Mask mask,
      Criterion criterion,
      Sparsity sparsity,
      PruneOptions options) {
    Objects.requireNonNull(weight, "weight");
    Objects.requireNonNull(mask, "mask");
    Scoring scoring = Scoring.of(criterion, sparsity, options);
    if (options.mask() != null && !options.mask().equals(mask)) {
      throw new IllegalArgumentException("options: expected no mask, found one beside the call's");
    }
    Memory.requireReadable("weight", weight.data());
    return new MatrixRequest(weight, null, mask, scoring, options).checked("weight");
  }

  private static String shape(WeightMatrix matrix) {
    return "%d x %d %s".formatted(matrix.rows(), matrix.columns(), matrix.dtype());
  }

  private MatrixRequest checked(String argument) {
    scoring.check(source.columns());
    if (mask != null) {
      Memory.requireMask(mask, source.rows(), source.columns());
      Memory.requireDistinct("mask", mask.bits(), "the " + argument, source.span());
      if (destination != null) {
        Memory.requireDistinct("mask", mask.bits(), "the result", destination.span());
      }
    }
    return this;
  }

  /** Returns whether other threads may help: all memory is shared. */
  boolean isShared() {
    return Memory.isShared(source.data())
        && (destination == null || Memory.isShared(destination.data()))
        && (mask == null || Memory.isShared(mask.bits()));
  }

  /** Says how far a call came that was given up. */
  String progress(long rows) {
    String state =
        destination == null
            ? "of the mask are written"
            : destination.equals(source)
                ? "are pruned, the others are as they were"
                : "of the destination are written";
    return "cancelled: %d of %d rows %s".formatted(rows, source.rows(), state);
  }
}
