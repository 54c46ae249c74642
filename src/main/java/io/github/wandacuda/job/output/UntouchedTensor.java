package io.github.wandacuda.job.output;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.system.Job;

/**
 * A tensor that must not be pruned.
 *
 * @param pruned the file that has it
 * @param failures take that it differs from the source's
 */
record UntouchedTensor(SafetensorsFile pruned, TensorInfo tensor, Failures failures) {
  /** Returns what compares it with the source's. */
  Job comparison(SafetensorsFile dense, TilePairs buffers, VerifiedBytes verified) {
    return new EqualTensor(
        dense,
        pruned,
        tensor,
        buffers.pieceBytes(),
        buffers,
        this::report,
        () -> verified.done(tensor));
  }

  private void report(EqualTensor.Difference difference) {
    failures.add(
        "%s: tensor %s: was not to be pruned, but differs at byte %d%s: expected 0x%02x, found 0x%02x"
            .formatted(
                Printable.of(pruned.path()),
                Printable.of(tensor.name()),
                difference.at(),
                place(difference.at()),
                difference.expected(),
                difference.found()));
  }

  /** Returns the element of a byte in words, if the tensor is a matrix of a known type. */
  private String place(long at) {
    if (tensor.type().isEmpty() || !tensor.isMatrix()) {
      return "";
    }
    long element = at / tensor.type().get().bytes();
    long columns = tensor.shape().get(1);
    return " (row %d, column %d)".formatted(element / columns, element % columns);
  }
}
