package io.github.wandacuda.checkpoint;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;

/**
 * The shards of a checkpoint that isn't written yet, whose tensors are parts of another one's: they
 * can be read as if they were, which reads the other.
 */
public final class SlicedShards implements TensorBytes {
  private final List<Piece> pieces;

  private SlicedShards(List<Piece> pieces) {
    this.pieces = pieces;
  }

  /** A tensor, and where it begins in the data section. */
  private record Piece(long begin, SlicedTensor tensor) {}

  /**
   * Lays tensors out in shards in their order; within one, those of large elements come first, so
   * that each is aligned.
   *
   * @param directory the folder that the shards are said to be in
   * @param metadata of each shard
   * @param shardBytes how many bytes of tensors a shard has at most, unless it has only one
   */
  public static List<SafetensorsFile> of(
      Path directory, List<SlicedTensor> tensors, Map<String, String> metadata, long shardBytes) {
    List<List<SlicedTensor>> shards = new ArrayList<>(List.of(new ArrayList<>()));
    long filled = 0;
    for (SlicedTensor tensor : tensors) {
      if (filled > 0 && filled + tensor.bytes() > shardBytes) {
        shards.add(new ArrayList<>());
        filled = 0;
      }
      shards.getLast().add(tensor);
      filled += tensor.bytes();
    }
    List<SafetensorsFile> files = new ArrayList<>();
    for (List<SlicedTensor> shard : shards) {
      String name =
          shards.size() == 1
              ? Checkpoint.SINGLE
              : "model-%05d-of-%05d.safetensors".formatted(files.size() + 1, shards.size());
      files.add(shard(directory.resolve(name), shard, metadata));
    }
    return files;
  }

  private static SafetensorsFile shard(
      Path path, List<SlicedTensor> tensors, Map<String, String> metadata) {
    List<SlicedTensor> ordered = new ArrayList<>(tensors);
    ordered.sort(
        Comparator.comparingInt((SlicedTensor tensor) -> TensorLayout.bits(tensor.source().dtype()))
            .reversed());
    List<TensorInfo> layout = new ArrayList<>();
    List<Piece> pieces = new ArrayList<>();
    long at = 0;
    for (SlicedTensor tensor : ordered) {
      long begin = at;
      pieces.add(new Piece(at, tensor));
      at += tensor.bytes();
      String dtype = tensor.source().dtype();
      layout.add(new TensorInfo(tensor.name(), dtype, tensor.shape(), begin, at));
    }
    try {
      byte[] header = SafetensorsWriter.header(layout, metadata);
      return SafetensorsFile.of(path, header, unused -> new SlicedShards(pieces));
    } catch (IOException e) {
      throw new UncheckedIOException("memory can be written", e);
    }
  }

  @Override
  public void read(TensorInfo info, long offset, MemorySegment destination) {
    long from = info.begin() + offset;
    for (long done = 0; done < destination.byteSize(); ) {
      Piece piece = at(from + done);
      long within = from + done - piece.begin;
      long count = Math.min(destination.byteSize() - done, piece.tensor.bytes() - within);
      piece.tensor.read(within, destination.asSlice(done, count));
      done += count;
    }
  }

  /** Returns the last piece that begins at a byte or before, which has it: empty ones precede. */
  private Piece at(long position) {
    int low = 0;
    int high = pieces.size();
    while (high - low > 1) {
      int middle = (low + high) >>> 1;
      if (pieces.get(middle).begin <= position) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return pieces.get(low);
  }

  /** Leaves the source open, which is another's. */
  @Override
  public void close() {}
}
