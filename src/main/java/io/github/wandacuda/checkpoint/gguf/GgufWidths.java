package io.github.wandacuda.checkpoint.gguf;

import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SortedMap;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * Makes the MLPs or the attention of a model narrower: all blocks by as much, since llama.cpp reads
 * one number.
 */
record GgufWidths(GgufRemoval whole) {
  private static final Pattern OF_CHANNELS = Pattern.compile("ffn_(gate|up|down)\\.(weight|bias)");

  private static final Pattern OF_HEADS =
      Pattern.compile("attn_(q|k|v|output|q_norm|k_norm|sinks)\\.(weight|bias)");

  private static final String CHANNELS = "feed_forward_length";
  private static final String VALUE_SIZE = "attention.value_length";

  /**
   * Returns the model without some channels of its dense MLPs.
   *
   * @param kept those that stay by block, ascending; in whole blocks of codes, and as many of each
   */
  GgufRemoval keepChannels(SortedMap<Integer, List<Integer>> kept) {
    int width = (int) whole.model().needed(CHANNELS);
    Map<String, GgufValue> changed = new LinkedHashMap<>(whole.keys());
    putByBlock(changed, CHANNELS, kept, 1);
    return whole.edited(
        changed,
        OF_CHANNELS,
        (slice, block, name) -> {
          boolean down = name.startsWith("ffn_down");
          if (!kept.containsKey(block) || (down && name.endsWith(".bias"))) {
            return slice;
          }
          int[] stay = GgufRemoval.array(kept.get(block));
          boolean fused = name.startsWith("ffn_up") && slice.size(0) == 2 * width;
          return slice.keep(
              down ? slice.dimensions() - 1 : 0, fused ? ofBothHalves(stay, width) : stay);
        });
  }

  /** Returns the rows of channels where those of the gates and of what they gate are one matrix. */
  private static int[] ofBothHalves(int[] channels, int width) {
    return IntStream.concat(
            Arrays.stream(channels), Arrays.stream(channels).map(channel -> width + channel))
        .toArray();
  }

  /**
   * Returns the model without some heads: whole groups of queries with their head of keys and
   * values.
   *
   * @param kept heads of keys that stay by block, ascending, as many of each
   */
  GgufRemoval keepHeads(SortedMap<Integer, List<Integer>> kept) {
    whole.loading().requireFewerHeads();
    GgufKeys model = whole.model();
    int heads = (int) model.heads();
    int keySize = (int) model.headSize();
    int valueSize =
        (int) model.whole(VALUE_SIZE).orElseGet(() -> model.needed(GgufKeys.EMBEDDING) / heads);
    int each = heads / (int) model.keyValueHeads();
    Map<String, GgufValue> changed = new LinkedHashMap<>(whole.keys());
    putByBlock(changed, GgufKeys.HEADS, kept, each);
    putByBlock(changed, GgufKeys.KEY_VALUE_HEADS, kept, 1);
    changed.put(model.name(GgufKeys.HEAD_SIZE), GgufValue.of(keySize));
    changed.put(model.name(VALUE_SIZE), GgufValue.of(valueSize));
    return whole.edited(
        changed,
        OF_HEADS,
        (slice, block, name) -> {
          String part = name.substring("attn_".length(), name.lastIndexOf('.'));
          boolean outputBias = part.equals("output") && name.endsWith(".bias");
          boolean ofOneHead =
              part.endsWith("norm") && slice.dimensions() == 1 && slice.size(0) == keySize;
          if (!kept.containsKey(block) || outputBias || ofOneHead) {
            return slice;
          }
          boolean ofKeys = part.startsWith("k") || part.equals("v");
          int size =
              switch (part) {
                case "sinks" -> 1;
                case "v", "output" -> valueSize;
                default -> keySize;
              };
          int[] indexes = ofHeads(GgufRemoval.array(kept.get(block)), ofKeys ? 1 : each, size);
          return slice.keep(part.equals("output") ? slice.dimensions() - 1 : 0, indexes);
        });
  }

  /**
   * Returns the rows or columns of groups of heads.
   *
   * @param groups the groups' numbers
   * @param each how many heads a group has
   * @param size how many rows or columns a head has
   */
  private static int[] ofHeads(int[] groups, int each, int size) {
    return Arrays.stream(groups)
        .flatMap(group -> IntStream.range(group * each * size, (group + 1) * each * size))
        .toArray();
  }

  /** Puts what stays of each block: one number, since llama.cpp reads one. */
  private void putByBlock(
      Map<String, GgufValue> changed,
      String name,
      SortedMap<Integer, List<Integer>> kept,
      int each) {
    List<Integer> counts = kept.values().stream().map(List::size).toList();
    whole.loading().requireOneCount(name, counts, kept.size());
    changed.put(whole.model().name(name), GgufValue.of(counts.getFirst() * each));
  }
}
