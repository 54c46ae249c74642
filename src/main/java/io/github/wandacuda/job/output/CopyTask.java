package io.github.wandacuda.job.output;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.ShardWriter;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.pruning.PhaseClock;
import io.github.wandacuda.pruning.mask.TileBuffers;
import io.github.wandacuda.system.Counted;
import io.github.wandacuda.system.Job;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.function.Consumer;

/**
 * A job that copies a tensor to its place in another file, piece by piece. The pieces of a packed
 * weight are whole rows, since it is unpacked row by row.
 *
 * @param from the file to copy from
 * @param tensor the tensor there
 * @param to writes the other file
 * @param place the tensor there
 * @param pieceBytes bytes of a piece
 * @param buffers a buffer for each worker
 * @param clock takes the time of reading and writing
 */
public record CopyTask(
    SafetensorsFile from,
    TensorInfo tensor,
    ShardWriter to,
    TensorInfo place,
    long pieceBytes,
    TileBuffers buffers,
    PhaseClock clock)
    implements Job {
  /** Returns a copy to the same place, in pieces that fill a buffer. */
  public static CopyTask of(
      SafetensorsFile from,
      TensorInfo tensor,
      ShardWriter to,
      TileBuffers buffers,
      PhaseClock clock) {
    long bytes = buffers.tileBytes();
    buffers.reserve(bytes);
    return new CopyTask(from, tensor, to, tensor, bytes, buffers, clock);
  }

  /**
   * Copies tensors to the same places, and waits for all copies.
   *
   * @param copied called with each tensor once it is copied, by any worker
   */
  public static void all(
      SafetensorsFile from,
      List<TensorInfo> tensors,
      ShardWriter to,
      Workers workers,
      PhaseClock clock,
      Consumer<TensorInfo> copied) {
    try (TileBuffers buffers = TileBuffers.inCache(workers.count())) {
      workers.run(
          tensors.stream()
              .map(
                  tensor ->
                      new Counted(
                          of(from, tensor, to, buffers, clock), () -> copied.accept(tensor)))
              .toList());
    }
  }

  @Override
  public Object resource() {
    return to;
  }

  @Override
  public int tasks() {
    return Math.toIntExact(Math.ceilDiv(tensor.bytes(), pieceBytes));
  }

  @Override
  public void run(int worker, int piece) {
    long start = System.nanoTime();
    long at = piece * pieceBytes;
    MemorySegment bytes = buffers.of(worker, Math.min(pieceBytes, tensor.bytes() - at));
    from.read(tensor, at, bytes);
    to.write(place, at, bytes);
    clock.addReadWrite(System.nanoTime() - start);
  }
}
