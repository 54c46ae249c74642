package io.github.wandacuda.bench.common;

import io.github.wandacuda.calibration.Statistics;
import io.github.wandacuda.io.AtomicWrite;
import io.github.wandacuda.jackson.databind.json.JsonMapper;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.SplittableRandom;
import java.util.TreeMap;
import java.util.stream.IntStream;

/** Writes a checkpoint of random weights in shards, and what prunes it. Memory is bounded. */
public final class ModelFiles {
  private static final int PIECE = 8 << 20;
  private static final JsonMapper JSON = JsonMapper.builder().build();

  private final CheckpointShape shape;
  private final NormalWeights weights = new NormalWeights(NormalWeights.DEVIATION);

  /**
   * A hidden state starts far larger than what a block adds to it, as in a model that was trained.
   * Starting at the weights' own size, one weight that rounding turned in a block turned ten in the
   * next, and after twelve blocks two right programs differed in 0.4 % of their masks.
   */
  private final NormalWeights embeddings = new NormalWeights(1);

  public ModelFiles(CheckpointShape shape) {
    this.shape = shape;
  }

  /** Writes the model's directory. */
  public void writeModel(Path directory, long shardBytes) {
    List<List<CheckpointShape.Tensor>> shards = shards(shardBytes);
    Map<String, String> shardOf = new LinkedHashMap<>();
    try {
      Files.createDirectories(directory);
      for (int i = 0; i < shards.size(); i++) {
        String name = "model-%05d-of-%05d.safetensors".formatted(i + 1, shards.size());
        shards.get(i).forEach(tensor -> shardOf.put(tensor.name(), name));
        writeShard(directory.resolve(name), shards.get(i), i);
      }
      Json.write(
          directory.resolve("model.safetensors.index.json"),
          Map.of("metadata", Map.of("total_size", shape.bytes()), "weight_map", shardOf));
      Json.write(directory.resolve("config.json"), shape.config());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private List<List<CheckpointShape.Tensor>> shards(long shardBytes) {
    List<List<CheckpointShape.Tensor>> shards = new ArrayList<>();
    long filled = shardBytes;
    for (CheckpointShape.Tensor tensor : shape.tensors()) {
      if (filled + tensor.bytes() > shardBytes) {
        shards.add(new ArrayList<>());
        filled = 0;
      }
      shards.get(shards.size() - 1).add(tensor);
      filled += tensor.bytes();
    }
    return shards;
  }

  private void writeShard(Path file, List<CheckpointShape.Tensor> tensors, int shard)
      throws IOException {
    byte[] header = header(tensors);
    try (FileChannel out =
        FileChannel.open(file, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
      ByteBuffer start = ByteBuffer.allocate(Long.BYTES + header.length);
      start.order(ByteOrder.LITTLE_ENDIAN).putLong(header.length).put(header).flip();
      writeAt(out, start, 0);
      long at = Long.BYTES + header.length;
      for (CheckpointShape.Tensor tensor : tensors) {
        writeTensor(out, tensor, at, shard);
        at += tensor.bytes();
      }
    }
  }

  private static byte[] header(List<CheckpointShape.Tensor> tensors) throws IOException {
    Map<String, Object> entries = new LinkedHashMap<>();
    long at = 0;
    for (CheckpointShape.Tensor tensor : tensors) {
      Map<String, Object> entry = new LinkedHashMap<>();
      entry.put("dtype", "BF16");
      entry.put("shape", tensor.shape());
      entry.put("data_offsets", List.of(at, at + tensor.bytes()));
      entries.put(tensor.name(), entry);
      at += tensor.bytes();
    }
    String text = JSON.writeValueAsString(entries);
    return (text + " ".repeat(-text.length() & 7)).getBytes(StandardCharsets.UTF_8);
  }

  /** Writes pieces side by side, each in its place. Biases are zeros. */
  private void writeTensor(FileChannel out, CheckpointShape.Tensor tensor, long at, int shard) {
    int pieces = (int) Math.ceilDiv(tensor.bytes(), (long) PIECE);
    IntStream.range(0, pieces)
        .parallel()
        .forEach(
            piece -> {
              long from = (long) piece * PIECE;
              int length = (int) Math.min(PIECE, tensor.bytes() - from);
              ByteBuffer buffer = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
              if (tensor.isBias()) {
                buffer.position(length);
              } else if (tensor.shape().size() == 1) {
                NormalWeights.fillOnes(buffer);
              } else {
                values(tensor).fill(buffer, shard + at + from);
              }
              try {
                writeAt(out, buffer.flip(), at + from);
              } catch (IOException e) {
                throw new UncheckedIOException(e);
              }
            });
  }

  private NormalWeights values(CheckpointShape.Tensor tensor) {
    return tensor.isEmbedding() ? embeddings : weights;
  }

  private static void writeAt(FileChannel out, ByteBuffer bytes, long position) throws IOException {
    long at = position;
    while (bytes.hasRemaining()) {
      at += out.write(bytes, at);
    }
  }

  /** Writes log-normal norms for all linear modules. */
  public void writeStatistics(Path file) {
    SplittableRandom random = new SplittableRandom(1);
    SortedMap<String, float[]> norms = new TreeMap<>();
    for (CheckpointShape.Tensor tensor : shape.tensors()) {
      if (tensor.isLinear()) {
        float[] vector = new float[tensor.shape().get(1)];
        for (int column = 0; column < vector.length; column++) {
          vector[column] = (float) Math.exp(random.nextGaussian());
        }
        norms.put(tensor.module(), vector);
      }
    }
    AtomicWrite.replace(file, new Statistics(norms, 128, 2048).content());
  }

  /** Writes samples as lists of random token ids. */
  public void writeSamples(Path file, int samples, int length) {
    writeSamples(file, samples, length, shape.vocabulary());
  }

  static void writeSamples(Path file, int samples, int length, int vocabulary) {
    SplittableRandom random = new SplittableRandom(2);
    Json.write(
        file,
        IntStream.range(0, samples)
            .mapToObj(i -> random.ints(length, 0, vocabulary).toArray())
            .toList());
  }
}
