package io.github.wandacuda.testing;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import java.lang.foreign.MemorySegment;

/** Reads a tensor's bytes at once. */
public final class TensorBytes {
  private TensorBytes() {}

  /** Returns a copy of the bytes of one of a file's tensors. */
  public static byte[] of(SafetensorsFile file, TensorInfo tensor) {
    byte[] bytes = new byte[Math.toIntExact(tensor.bytes())];
    file.read(tensor, 0, MemorySegment.ofArray(bytes));
    return bytes;
  }

  /** Returns a copy of the bytes of one of a checkpoint's tensors. */
  public static byte[] of(Checkpoint checkpoint, String name) {
    Checkpoint.Entry entry = checkpoint.find(name).orElseThrow();
    return of(entry.shard(), entry.info());
  }
}
