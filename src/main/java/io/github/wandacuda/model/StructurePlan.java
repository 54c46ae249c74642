package io.github.wandacuda.model;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SlicedShards;
import io.github.wandacuda.checkpoint.SlicedTensor;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.io.InputFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;

/**
 * What a smaller model is of a larger one: which parts of which tensors, under which names, and the
 * numbers that its config has.
 *
 * @param model the larger model
 * @param tensors the tensors of the smaller one, in their order
 * @param config the values that differ, by their keys; those within an object begin with its key
 *     and a dot
 */
public record StructurePlan(
    ModelDirectory model, List<SlicedTensor> tensors, SortedMap<String, Long> config) {
  /** Takes copies. */
  public StructurePlan {
    tensors = List.copyOf(tensors);
    config = Collections.unmodifiableSortedMap(new TreeMap<>(config));
  }

  /**
   * Returns the plan with other weights in the place of some slices.
   *
   * @param files have them, by the smaller model's names, in the slices' shapes and types
   */
  public StructurePlan with(List<SafetensorsFile> files) {
    Map<String, SlicedTensor> others = new HashMap<>();
    for (SafetensorsFile file : files) {
      for (TensorInfo info : file.stored()) {
        others.put(info.name(), SlicedTensor.whole(info.name(), new Checkpoint.Entry(file, info)));
      }
    }
    return new StructurePlan(
        model,
        tensors.stream().map(tensor -> others.getOrDefault(tensor.name(), tensor)).toList(),
        config);
  }

  /** Returns the smaller model, which is read from the larger one. */
  public ModelDirectory opened() {
    Checkpoint smaller = checkpoint(Long.MAX_VALUE);
    ModelConfig own = model.config().with(configBytes());
    return new ModelDirectory(model.path(), own, smaller, LinearModules.of(own, smaller));
  }

  /** Returns the smaller checkpoint, which is read from the larger one. */
  public Checkpoint checkpoint(long shardBytes) {
    List<SafetensorsFile> shards = model.checkpoint().shards();
    return Checkpoint.planned(
        model.path(),
        SlicedShards.of(model.path(), tensors, shards.getFirst().metadata(), shardBytes));
  }

  /** Returns the bytes of the smaller model's {@code config.json}. */
  public byte[] configBytes() {
    try {
      return edited(InputFile.bytes(model.config().file()), config);
    } catch (IOException e) {
      throw InputException.unreadable(model.config().file(), "a config.json", e);
    }
  }

  /** Puts numbers in the place of others and leaves every other byte as it is. */
  private static byte[] edited(byte[] source, Map<String, Long> numbers) throws IOException {
    ByteArrayOutputStream edited = new ByteArrayOutputStream();
    int copied = 0;
    try (JsonParser json = new JsonFactory().createParser(source)) {
      for (JsonToken token = json.nextToken(); token != null; token = json.nextToken()) {
        Long number =
            token == JsonToken.VALUE_NUMBER_INT
                ? numbers.get(
                    json.getParsingContext()
                        .pathAsPointer()
                        .toString()
                        .substring(1)
                        .replace('/', '.'))
                : null;
        if (number != null) {
          int at = (int) json.currentTokenLocation().getByteOffset();
          edited.write(source, copied, at - copied);
          edited.writeBytes(number.toString().getBytes(StandardCharsets.US_ASCII));
          copied = at + json.getTextLength();
        }
      }
    }
    edited.write(source, copied, source.length - copied);
    return edited.toByteArray();
  }
}
