package io.github.wandacuda.testing;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.github.wandacuda.calibration.BlockwiseRun;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.TensorInfo;
import io.github.wandacuda.model.Block;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.Structure;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/** Models with other blocks than a fixture's. */
public final class Blocks {
  private static final Pattern NUMBERED =
      Pattern.compile("((?:.*\\.)?(?:layers|h)\\.)(\\d+)(\\..*)");
  private static final ObjectMapper JSON = new ObjectMapper();

  private Blocks() {}

  /** Returns blocks as a request has them. */
  public static SortedMap<Integer, List<Integer>> map(Collection<Integer> blocks) {
    SortedMap<Integer, List<Integer>> removed = new TreeMap<>();
    blocks.forEach(block -> removed.put(block, List.of()));
    return removed;
  }

  /** Writes a model without some of its blocks, and returns where. */
  public static Path remove(Path path, Path output, Collection<Integer> blocks) {
    return Smaller.without(path, output, Structure.BLOCKS, map(blocks));
  }

  /** Returns the losses of samples that pass some of a model's blocks alone. */
  public static double[] losses(Path path, List<int[]> samples, Collection<Integer> without) {
    try (CpuDecoder open = CpuDecoder.open(path, 2);
        BlockwiseRun run = open.run(samples)) {
      for (int index = 0; index < open.decoder().blocks(); index++) {
        if (!without.contains(index)) {
          try (Block block = open.decoder().block(index)) {
            run.advance(block);
          }
        }
      }
      return IntStream.range(0, samples.size()).mapToDouble(run::meanLoss).toArray();
    }
  }

  private static void add(
      SafetensorsFile in, TensorInfo tensor, List<Integer> blocks, SafetensorsBytes made) {
    int[] shape = tensor.shape().stream().mapToInt(Long::intValue).toArray();
    byte[] bytes = TensorBytes.of(in, tensor);
    Matcher numbered = NUMBERED.matcher(tensor.name());
    if (!numbered.matches()) {
      made.raw(tensor.name(), tensor.dtype(), bytes, shape);
      return;
    }
    int block = Integer.parseInt(numbered.group(2));
    for (int at = 0; at < blocks.size(); at++) {
      if (blocks.get(at) == block) {
        made.raw(numbered.group(1) + at + numbered.group(3), tensor.dtype(), bytes, shape);
      }
    }
  }

  /**
   * Makes a model of a fixture's blocks, each as often as it is named; lists of the config that
   * have an entry for each block are made alike.
   *
   * @param settings what the config says otherwise, an object in JSON
   */
  public static Path made(String name, Path output, List<Integer> blocks, String settings) {
    Path from = TestData.fixture(name).resolve("model");
    try (ModelDirectory model = ModelDirectory.open(from)) {
      Files.createDirectories(output);
      SafetensorsBytes made = new SafetensorsBytes();
      for (SafetensorsFile shard : model.checkpoint().shards()) {
        shard.stored().forEach(tensor -> add(shard, tensor, blocks, made));
      }
      made.write(output.resolve("model.safetensors"));
      ObjectNode config = (ObjectNode) TestData.json(from.resolve("config.json"));
      int before = config.get("num_hidden_layers").asInt();
      for (Map.Entry<String, JsonNode> entry : config.properties()) {
        if (entry.getValue() instanceof ArrayNode list
            && list.size() == before
            && entry.getKey().matches("layer_types|no_rope_layers")) {
          ArrayNode all = JSON.createArrayNode();
          blocks.forEach(block -> all.add(list.get(block)));
          entry.setValue(all);
        }
      }
      config.put("num_hidden_layers", blocks.size());
      config.setAll((ObjectNode) JSON.readTree(settings));
      Files.writeString(output.resolve("config.json"), config.toPrettyString());
      return output;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
