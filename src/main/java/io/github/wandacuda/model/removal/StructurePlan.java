package io.github.wandacuda.model.removal;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SlicedShards;
import io.github.wandacuda.checkpoint.SlicedTensor;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.io.InputFile;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.model.ModelConfig;
import io.github.wandacuda.model.ModelDirectory;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * A smaller model as parts of a larger one: which parts of which tensors, under which names, and
 * the values of its config that differ. Nothing is copied before the smaller model is read or
 * written.
 *
 * @param model the larger model
 * @param tensors the tensors of the smaller model, in their order
 * @param config the values that differ or are added, by their keys' paths with dots between them;
 *     in Java's types for JSON
 * @param fitted names of tensors whose weights aren't the larger model's
 */
public record StructurePlan(
    ModelDirectory model,
    List<SlicedTensor> tensors,
    SortedMap<String, Object> config,
    List<String> fitted) {
  public StructurePlan {
    tensors = List.copyOf(tensors);
    config = Collections.unmodifiableSortedMap(new TreeMap<>(config));
    fitted = List.copyOf(fitted);
  }

  StructurePlan(
      ModelDirectory model, List<SlicedTensor> tensors, SortedMap<String, Object> config) {
    this(model, tensors, config, List.of());
  }

  /** Plans a model with all of its parts. */
  public static StructurePlan whole(ModelDirectory model) {
    return new StructurePlan(
        model,
        model
            .checkpoint()
            .stored()
            .map(entry -> SlicedTensor.whole(entry.info().name(), entry))
            .toList(),
        new TreeMap<>());
  }

  /**
   * Combines this plan with a further one.
   *
   * @param next a plan for the model that this one leaves
   * @return the plan that does both, for the larger model
   */
  public StructurePlan then(StructurePlan next) {
    SortedMap<String, Object> all = new TreeMap<>(config);
    all.putAll(next.config);
    return new StructurePlan(model, next.tensors, all);
  }

  /**
   * Replaces the weights of some tensors.
   *
   * @param files have the new weights under the smaller model's names, in the same shapes and
   *     types; they have to stay open
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
        config,
        List.copyOf(new TreeSet<>(others.keySet())));
  }

  /** Returns the smaller model, whose tensors are read from the larger one. */
  public ModelDirectory opened() {
    return opened(checkpoint(Long.MAX_VALUE));
  }

  /** Returns the smaller model with a checkpoint that {@link #checkpoint} has laid out. */
  public ModelDirectory opened(Checkpoint smaller) {
    ModelConfig own = model.config().with(configBytes());
    return new ModelDirectory(
        model.path(), own, smaller, LinearModules.of(own, smaller), model.tokenizer());
  }

  /**
   * Lays the smaller model's tensors out in shards. They are read from the larger model.
   *
   * @param shardBytes the most bytes of a shard that has more than one tensor
   */
  public Checkpoint checkpoint(long shardBytes) {
    List<SafetensorsFile> shards = model.checkpoint().shards();
    return Checkpoint.planned(
        model.path(),
        SlicedShards.of(model.path(), tensors, shards.getFirst().metadata(), shardBytes));
  }

  /**
   * Returns the content of the smaller model's {@code config.json}: the larger one's with only the
   * differing values changed.
   *
   * @throws io.github.wandacuda.error.InputException if the larger one's can't be read
   */
  public byte[] configBytes() {
    return InputFile.reading(model.config().file(), () -> edited(model.config().bytes()));
  }

  /**
   * Replaces values, and adds new ones where their object begins. Every other byte stays as it is.
   */
  private byte[] edited(byte[] source) throws IOException {
    Map<String, Object> values = new TreeMap<>();
    config.forEach((path, value) -> values.put("/" + path.replace('.', '/'), value));
    ByteArrayOutputStream edited = new ByteArrayOutputStream();
    int copied = 0;
    try (JsonParser json = new JsonFactory().createParser(source)) {
      for (JsonToken token = json.nextToken(); token != null; token = json.nextToken()) {
        if (!token.isScalarValue() && !token.isStructStart()) {
          continue;
        }
        String pointer = json.getParsingContext().pathAsPointer().toString();
        int begin = (int) json.currentTokenLocation().getByteOffset();
        if (values.containsKey(pointer)) {
          edited.write(source, copied, begin - copied);
          edited.writeBytes(JsonText.line(values.get(pointer)).getBytes(StandardCharsets.UTF_8));
          json.skipChildren();
          json.finishToken();
          copied = (int) json.currentLocation().getByteOffset();
        } else if (token == JsonToken.START_OBJECT) {
          edited.write(source, copied, begin + 1 - copied);
          copied = begin + 1;
          add(values, pointer, source, copied, edited);
        }
      }
    }
    edited.write(source, copied, source.length - copied);
    return edited.toByteArray();
  }

  /**
   * Writes the values that an object doesn't have yet, each with the white space before the
   * object's first key.
   */
  private void add(
      Map<String, Object> values,
      String object,
      byte[] source,
      int begin,
      ByteArrayOutputStream edited) {
    int key = begin;
    while (Character.isWhitespace(source[key])) {
      key++;
    }
    for (String pointer : values.keySet()) {
      int name = pointer.lastIndexOf('/');
      if (pointer.substring(0, name).equals(object)
          && model.config().root().at(pointer).isMissingNode()) {
        edited.write(source, begin, key - begin);
        String field =
            JsonText.line(pointer.substring(name + 1)) + ": " + JsonText.line(values.get(pointer));
        edited.writeBytes((field + ",").getBytes(StandardCharsets.UTF_8));
      }
    }
  }
}
