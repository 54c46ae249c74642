package io.github.wandacuda.job;

import io.github.wandacuda.pruning.MaskSink;
import io.github.wandacuda.system.Sha256;
import java.lang.foreign.MemorySegment;
import java.security.MessageDigest;
import java.util.Arrays;

/**
 * A SHA-256 of each module's packed mask, by which the masks that were chosen are compared with
 * those that a written shard shows, in whatever order they come. Safe for use by several threads.
 */
final class ModuleDigests implements MaskSink {
  private final byte[][] digests;

  public ModuleDigests(int modules) {
    digests = new byte[modules][];
  }

  @Override
  public void add(int index, MemorySegment mask) {
    MessageDigest digest = Sha256.digest();
    MaskDigest.update(digest, mask);
    byte[] value = digest.digest();
    synchronized (this) {
      digests[index] = value;
    }
  }

  /** Returns the index of the first module whose mask is another one in {@code others}, or -1. */
  public int mismatch(ModuleDigests others) {
    return Arrays.mismatch(digests, others.digests, Arrays::compare);
  }
}
