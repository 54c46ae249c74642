package io.github.wandacuda.job.packing;

import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.VerificationException;
import io.github.wandacuda.io.checkpoint.SafetensorsFile;
import io.github.wandacuda.io.checkpoint.TensorInfo;
import io.github.wandacuda.system.Job;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A job that checks, piece by piece, that a tensor of the output stands for the source's bytes.
 *
 * @param source the source's shard
 * @param output the output's, with the same header
 * @param tensor of both
 */
record EqualTask(
    SafetensorsFile source,
    SafetensorsFile output,
    TensorInfo tensor,
    long pieceBytes,
    PackBuffers left,
    PackBuffers right)
    implements Job {

  @Override
  public Object lane() {
    return EqualTask.class;
  }

  @Override
  public int tasks() {
    return Math.toIntExact(Math.ceilDiv(tensor.bytes(), pieceBytes));
  }

  @Override
  public void run(int worker, int piece) {
    long at = piece * pieceBytes;
    long bytes = Math.min(pieceBytes, tensor.bytes() - at);
    MemorySegment expected = left.rows(worker, bytes);
    MemorySegment found = right.rows(worker, bytes);
    source.read(tensor, at, expected);
    output.read(tensor, at, found);
    long differs = expected.mismatch(found);
    if (differs >= 0) {
      throw new VerificationException(
          ErrorDetails.file(output.path())
              .tensor(tensor.name())
              .part("byte " + (at + differs))
              .expected(
                  "0x%02x, as in the source".formatted(at(expected, differs)),
                  "0x%02x".formatted(at(found, differs))));
    }
  }

  private static int at(MemorySegment bytes, long index) {
    return bytes.get(ValueLayout.JAVA_BYTE, index) & 0xff;
  }
}
