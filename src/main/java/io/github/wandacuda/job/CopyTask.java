package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.system.Job;
import java.lang.foreign.MemorySegment;

/**
 * A job that copies a tensor to another place in another file, piece by piece. Of a packed weight a
 * piece is some whole rows, since it is unpacked row by row.
 *
 * @param from holds the tensor
 * @param tensor there
 * @param to writes the copy
 * @param place the tensor in the copy
 * @param pieceBytes bytes of a piece
 */
record CopyTask(
    SafetensorsFile from,
    TensorInfo tensor,
    ShardWriter to,
    TensorInfo place,
    long pieceBytes,
    PackBuffers buffers)
    implements Job {

  static CopyTask of(
      SafetensorsFile from,
      TensorInfo tensor,
      ShardWriter to,
      TensorInfo place,
      PackBuffers buffers) {
    return new CopyTask(from, tensor, to, place, tensor.pieceBytes(buffers.tileBytes()), buffers);
  }

  @Override
  public Object lane() {
    return to;
  }

  @Override
  public int tasks() {
    return Math.toIntExact(Math.ceilDiv(tensor.bytes(), pieceBytes));
  }

  @Override
  public void run(int worker, int piece) {
    long at = piece * pieceBytes;
    MemorySegment bytes = buffers.rows(worker, Math.min(pieceBytes, tensor.bytes() - at));
    from.read(tensor, at, bytes);
    to.write(place, at, bytes);
  }
}
