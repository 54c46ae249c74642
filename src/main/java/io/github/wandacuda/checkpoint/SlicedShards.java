package io.github.wandacuda.checkpoint;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;

/**
 * The shards of a checkpoint that isn't written yet, whose tensors are parts of another one's. They
 * can be read as if they were there: each read reads the other checkpoint.
 *
 * @param tensors those that have bytes, by where they begin in the data section
 */
public record SlicedShards(NavigableMap<Long, SlicedTensor> tensors) implements TensorBytes {
  /**
   * Lays tensors out in shards in their order; within one, those of large elements come first, so
   * that each is aligned.
   *
   * @param directory the folder that the shards are said to be in
   * @param tensors whose source stays open for as long as the shards are read
   * @param metadata of each shard
   * @param shardBytes how many bytes of tensors a shard has at most, unless it has only one
   * @return the shards in the order of their names; one is called as a single file of weights is
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
    NavigableMap<Long, SlicedTensor> places = new TreeMap<>();
    long at = 0;
    for (SlicedTensor tensor : ordered) {
      long begin = at;
      at += tensor.bytes();
      if (at > begin) {
        places.put(begin, tensor);
      }
      String dtype = tensor.source().dtype();
      layout.add(new TensorInfo(tensor.name(), dtype, tensor.shape(), begin, at));
    }
    byte[] header = SafetensorsWriter.header(layout, metadata);
    return SafetensorsFile.of(path, header, unused -> new SlicedShards(places));
  }

  @Override
  public void read(TensorInfo info, long offset, MemorySegment destination) {
    for (long done = 0; done < destination.byteSize(); ) {
      long at = info.begin() + offset + done;
      Map.Entry<Long, SlicedTensor> place = tensors.floorEntry(at);
      long within = at - place.getKey();
      long count = Math.min(destination.byteSize() - done, place.getValue().bytes() - within);
      place.getValue().read(within, destination.asSlice(done, count));
      done += count;
    }
  }

  /** Leaves the source open; its owner closes it. */
  @Override
  public void close() {}
}
