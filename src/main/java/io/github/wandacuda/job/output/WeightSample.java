package io.github.wandacuda.job.output;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.system.Sha256;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.List;

/**
 * A few bytes of a model's weights, which tell it from another of the same shapes, such as what it
 * was fine-tuned to, and don't depend on where a copy of it lies or when that was made.
 */
public final class WeightSample {
  private static final int TENSORS = 64;
  private static final int BYTES = 4096;

  private WeightSample() {}

  /**
   * Returns the SHA-256, in hexadecimal, over the bytes in the middle of up to 64 tensors of each
   * shard.
   */
  public static String of(ModelDirectory model) {
    MessageDigest digest = Sha256.digest();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment memory = arena.allocate(BYTES);
      for (SafetensorsFile shard : model.checkpoint().shards()) {
        List<TensorInfo> tensors = shard.tensors();
        int step = Math.max(1, Math.ceilDiv(tensors.size(), TENSORS));
        for (int index = 0; index < tensors.size(); index += step) {
          digest.update(middle(shard, tensors.get(index), memory).asByteBuffer());
        }
      }
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MemorySegment middle(
      SafetensorsFile shard, TensorInfo tensor, MemorySegment memory) {
    MemorySegment bytes = memory.asSlice(0, Math.min(BYTES, tensor.bytes()));
    shard.read(tensor, (tensor.bytes() - bytes.byteSize()) / 2, bytes);
    return bytes;
  }
}
