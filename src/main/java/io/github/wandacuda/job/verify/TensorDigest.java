package io.github.wandacuda.job.verify;

import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.io.FilePieces;
import io.github.wandacuda.system.Job;
import io.github.wandacuda.system.Sha256;
import io.github.wandacuda.system.Workers;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * The SHA-256 of a tensor's bytes in a shard, packed or not. One task computes it, since a digest
 * depends on the order of bytes; several tensors are digested side by side.
 *
 * @param file the shard
 * @param tensor in the shard
 * @param found called with the digest in hexadecimal, on the thread that computed it
 */
public record TensorDigest(SafetensorsFile file, TensorInfo tensor, Consumer<String> found)
    implements Job {
  private static final long PIECE = 1 << 20;

  /**
   * Digests tensors of an output that is not packed yet.
   *
   * @param layouts the output's shards, in whatever files these are read from
   * @param output the directory that holds the output's shards by the same names
   * @param names the tensors; those that no shard has are left out
   * @return the digests by the tensors' names, in the natural order of these
   */
  public static Map<String, String> all(
      List<SafetensorsFile> layouts, Path output, Set<String> names, Workers workers) {
    Map<String, String> digests = new TreeMap<>(TensorNames.NATURAL);
    for (SafetensorsFile layout : layouts) {
      List<TensorInfo> own =
          layout.tensors().stream().filter(tensor -> names.contains(tensor.name())).toList();
      if (own.isEmpty()) {
        continue;
      }
      try (SafetensorsFile written =
          OutputCheck.open(output.resolve(layout.fileName()), false, OutputCheck.THROUGH_CACHE)) {
        List<Job> jobs = new ArrayList<>();
        for (TensorInfo tensor : own) {
          jobs.add(
              new TensorDigest(
                  written,
                  tensor,
                  sha256 -> {
                    synchronized (digests) {
                      digests.put(tensor.name(), sha256);
                    }
                  }));
        }
        workers.run(jobs);
      }
    }
    return new LinkedHashMap<>(digests);
  }

  @Override
  public int tasks() {
    return 1;
  }

  @Override
  public void run(int worker, int task) {
    MessageDigest digest = Sha256.digest();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment piece = arena.allocate(Math.max(1, Math.min(PIECE, tensor.bytes())));
      for (long from = 0; from < tensor.bytes(); from += PIECE) {
        MemorySegment bytes = piece.asSlice(0, Math.min(PIECE, tensor.bytes() - from));
        file.read(tensor, from, bytes);
        FilePieces.forEach(bytes, digest::update);
      }
    }
    found.accept(HexFormat.of().formatHex(digest.digest()));
  }
}
