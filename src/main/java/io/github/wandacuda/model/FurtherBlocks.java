package io.github.wandacuda.model;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.Checkpoint;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.TreeMap;

/**
 * The blocks of a checkpoint that predict tokens beyond the next one (Gloeckle et al., arXiv
 * 2404.19737). They follow the decoder's blocks, as many as the config or the projection of each
 * says, or have a prefix of their own; a decoder runs without them.
 *
 * @param first the number of the first one that follows the decoder's
 * @param end the number behind the last one
 */
public record FurtherBlocks(int first, int end) {
  private static final List<String> COUNTS =
      List.of("num_nextn_predict_layers", "num_mtp_modules", "mtp_num_hidden_layers");

  /**
   * Finds these blocks by the config's numbers and by the projections that each of them has in the
   * checkpoint; whichever says more counts.
   */
  public static FurtherBlocks of(ModelConfig config, Checkpoint checkpoint) {
    JsonNode root = config.decoder().root();
    int blocks = root.path("num_hidden_layers").asInt(Integer.MAX_VALUE);
    int said = COUNTS.stream().mapToInt(key -> root.path(key).asInt(0)).max().orElse(0);
    int projected =
        checkpoint
            .tensors()
            .map(entry -> entry.info().name())
            .filter(name -> name.endsWith(".eh_proj.weight"))
            .map(LinearModules::block)
            .flatMapToInt(OptionalInt::stream)
            .max()
            .orElse(-1);
    return new FurtherBlocks(
        blocks, Math.max((int) Math.min((long) blocks + said, Integer.MAX_VALUE), projected + 1));
  }

  /**
   * Returns the changes of a config that say that there are no such blocks: 0 for each key that has
   * their number, by the key's path.
   */
  public static Map<String, Object> none(ModelConfig config) {
    Map<String, Object> none = new TreeMap<>();
    COUNTS.forEach(key -> config.values(key).keySet().forEach(path -> none.put(path, 0)));
    none.keySet().removeIf(path -> config.root().at("/" + path.replace('.', '/')).asInt(0) == 0);
    return none;
  }

  /** Returns whether a tensor is in one of these blocks, by its name. */
  public boolean have(String name) {
    int block = LinearModules.block(name).orElse(-1);
    return LinearModules.hasPart(name, "mtp") || (block >= first && block < end);
  }
}
