package io.github.wandacuda.checkpoint.gguf;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.JsonTree;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * What an architecture of GGUF is called and made of in Hugging Face's models, by the table {@code
 * architectures.json}. What all have in common is its entry {@code common}, to which an
 * architecture adds and which it overrides.
 *
 * @param name GGUF's name
 * @param modelType Hugging Face's {@code model_type}
 * @param pairs whether rows of q and k are in another order, since llama.cpp rotates neighbours
 *     where Hugging Face's code rotates halves
 * @param plusOne whether norms' weights are stored with 1 added
 * @param fusedByHead whether Hugging Face has q, k and v of a head side by side, where GGUF has all
 *     q first, then all k and all v
 * @param interleaved whether Hugging Face has rows of an expert's gate and up by turns, in codes
 * @param transposed the weights that Hugging Face stores as [inputs, outputs]
 * @param names Hugging Face's names by GGUF's: of a tensor, or of all that begin with one and a
 *     dot; {@code N} stands for a block's number and {@code E} for an expert's
 * @param config keys of GGUF, without the architecture's name, by those of {@code config.json}; see
 *     {@link GgufConfig} for those that begin with an at sign
 * @param constants what {@code config.json} has without a key of GGUF
 * @param tensors keys of GGUF that have a number for each block, by the tensors of one number that
 *     Hugging Face has for them
 * @param ifThere keys of {@code config.json} that are true if block 0 has a tensor
 * @param rules what llama.cpp takes from the architecture and the number of blocks
 * @param writing what a file of it has beyond that
 */
record GgufArchitecture(
    String name,
    String modelType,
    boolean pairs,
    boolean plusOne,
    boolean fusedByHead,
    boolean interleaved,
    List<String> transposed,
    Map<String, String> names,
    Map<String, String> config,
    JsonNode constants,
    Map<String, String> tensors,
    Map<String, String> ifThere,
    Rules rules,
    Writing writing) {
  /**
   * What llama.cpp takes from an architecture's name and from numbers of blocks, without a key that
   * would say it.
   *
   * @param windowPeriod of so many blocks the last one has no window, where no key says otherwise;
   *     0 where blocks have none by their number
   * @param windowed whether there are windows although no key says how long
   * @param squareAttention whether the heads together must be as wide as the embedding
   * @param otherScaleAt the number of blocks at which scores are divided by the root of the
   *     embedding's width over the number of heads, at others by that of a head's size; 0 for none
   * @param withoutQueryRank the numbers of blocks at which queries come from one matrix, at others
   *     from two; empty where a key says it
   */
  record Rules(
      int windowPeriod,
      boolean windowed,
      boolean squareAttention,
      int otherScaleAt,
      List<Integer> withoutQueryRank) {
    private static Rules of(JsonNode json) {
      List<Integer> blocks = new ArrayList<>();
      json.path("without_query_rank").forEach(count -> blocks.add(count.intValue()));
      return new Rules(
          json.path("window_period").intValue(),
          json.path("windowed").booleanValue(),
          json.path("square_attention").booleanValue(),
          json.path("other_scale_at").intValue(),
          List.copyOf(blocks));
    }
  }

  /**
   * How a file of an architecture is written.
   *
   * @param keys of llama.cpp's converter that follow from others
   * @param ownOutput whether llama.cpp asks for the output matrix even where it is the embedding
   * @param defaults what a {@code config.json} means that lacks these keys
   */
  record Writing(List<String> keys, boolean ownOutput, JsonNode defaults) {
    private static Writing of(JsonNode json) {
      return new Writing(
          texts(json.path("keys")), json.path("own_output").booleanValue(), json.path("defaults"));
    }
  }

  /** Read once, since each check of a smaller model asks for its architecture. */
  private static final JsonNode TABLE = read("architectures.json");

  /** A tensor of a block, perhaps of an expert. */
  private static final Pattern NUMBERED =
      Pattern.compile(
          "(.*?\\.layers\\.)(0|[1-9]\\d{0,5})(\\..*?)"
              + "(?:(?<=\\.experts\\.)(0|[1-9]\\d{0,5})(\\..*))?");

  private static final String COMMON = "common";

  /** LLaMA with a mixture is a model type of its own, and an architecture of GGUF it isn't. */
  private static final String WITH_EXPERTS = " with experts";

  /**
   * Returns the architecture that a file's keys name.
   *
   * @param experts whether the model has a mixture
   * @throws io.github.wandacuda.error.InputException if the table doesn't have it
   */
  static GgufArchitecture of(Path file, String name, boolean experts) {
    if (!TABLE.has(name) || name.equals(COMMON) || name.endsWith(WITH_EXPERTS)) {
      List<String> known = new ArrayList<>();
      TABLE.fieldNames().forEachRemaining(known::add);
      known.removeIf(other -> other.equals(COMMON) || other.endsWith(WITH_EXPERTS));
      throw ErrorDetails.part(file, "key " + GgufKeys.ARCHITECTURE)
          .wrong(
              "one of " + String.join(", ", known),
              name.isEmpty() ? "an empty text" : Printable.of(name));
    }
    String variant = name + WITH_EXPERTS;
    return of(name, TABLE.path(experts && TABLE.has(variant) ? variant : name));
  }

  /**
   * Returns the architecture as which a model of Hugging Face is written.
   *
   * @param config the model's {@code config.json}, for messages
   * @throws io.github.wandacuda.error.InputException if there is none
   */
  static GgufArchitecture ofModel(Path config, String modelType) {
    List<String> known = new ArrayList<>();
    for (Map.Entry<String, JsonNode> entry : TABLE.properties()) {
      List<String> types = texts(entry.getValue().path("written").path("model_types"));
      if (types.contains(modelType)) {
        return of(entry.getKey().replace(WITH_EXPERTS, ""), entry.getValue());
      }
      known.addAll(types);
    }
    throw ErrorDetails.part(config, "model_type")
        .wrong(
            "one of %s, which are written in GGUF".formatted(String.join(", ", known)),
            modelType.isEmpty() ? "none" : Printable.of(modelType));
  }

  private static List<String> texts(JsonNode array) {
    List<String> texts = new ArrayList<>();
    array.forEach(text -> texts.add(text.textValue()));
    return texts;
  }

  private static JsonNode read(String table) {
    try (InputStream in = GgufArchitecture.class.getResourceAsStream(table)) {
      return JsonTree.read(in);
    } catch (IOException e) {
      throw new UncheckedIOException("the jar has " + table, e);
    }
  }

  private static GgufArchitecture of(String name, JsonNode own) {
    JsonNode common = TABLE.path(COMMON);
    return new GgufArchitecture(
        name,
        own.path("model_type").textValue(),
        own.path("pairs").booleanValue(),
        own.path("plus_one").booleanValue(),
        own.path("fused_by_head").booleanValue(),
        own.path("interleaved").booleanValue(),
        texts(own.path("transposed")),
        merged(common.path("names"), own.path("names")),
        merged(common.path("config"), own.path("config")),
        own.path("constants"),
        merged(own.path("tensors"), own.path("none")),
        merged(own.path("if_there"), own.path("none")),
        Rules.of(own.path("llama_cpp")),
        Writing.of(own.path("written")));
  }

  /** Returns the texts of both by their keys; a null takes one away. */
  private static Map<String, String> merged(JsonNode first, JsonNode second) {
    Map<String, String> all = new LinkedHashMap<>();
    first.properties().forEach(entry -> all.put(entry.getKey(), entry.getValue().textValue()));
    second.properties().forEach(entry -> all.put(entry.getKey(), entry.getValue().textValue()));
    all.values().removeIf(value -> value == null);
    return new TreeMap<>(all);
  }

  /**
   * Returns Hugging Face's name of a tensor.
   *
   * @param name without {@code blk.} and the block's number
   * @param block the block's number, or -1 outside of blocks
   */
  Optional<String> find(String name, int block) {
    String found = names.get(name);
    int dot = name.lastIndexOf('.');
    boolean suffixed = name.endsWith(".weight") || name.endsWith(".bias");
    if (found == null && suffixed && names.containsKey(name.substring(0, dot))) {
      found = names.get(name.substring(0, dot)) + name.substring(dot);
    }
    boolean inBlock = found != null && found.contains(".N.");
    return found == null || inBlock != block >= 0
        ? Optional.empty()
        : Optional.of(inBlock(found, block));
  }

  /**
   * Returns GGUF's name of a tensor, the other way round; of an expert's that of the stack.
   *
   * @param tensor Hugging Face's name
   */
  Optional<Written> findWritten(String tensor) {
    Matcher numbered = NUMBERED.matcher(tensor);
    String block = numbered.matches() ? numbered.group(2) : null;
    String expert = numbered.matches() ? numbered.group(4) : null;
    String general = tensor;
    if (block != null) {
      general = numbered.group(1) + "N" + numbered.group(3);
      general += expert == null ? "" : "E" + numbered.group(5);
    }
    int dot = general.lastIndexOf('.');
    String suffix = general.substring(Math.max(0, dot));
    for (Map.Entry<String, String> entry : names.entrySet()) {
      boolean whole = entry.getValue().equals(general);
      if (whole || dot > 0 && entry.getValue().equals(general.substring(0, dot))) {
        String name = whole ? entry.getKey() : entry.getKey() + suffix;
        return Optional.of(
            new Written(
                block == null ? name : "blk.%s.%s".formatted(block, name),
                block == null ? -1 : Integer.parseInt(block),
                expert == null ? -1 : Integer.parseInt(expert)));
      }
    }
    return Optional.empty();
  }

  /**
   * Where a tensor of Hugging Face goes.
   *
   * @param name of a tensor in GGUF
   * @param block the block's number, or -1
   * @param expert the place in that tensor's stack, or -1 where it is all of it
   */
  record Written(String name, int block, int expert) {
    /** Returns the name without the block. */
    String own() {
      return block < 0 ? name : name.substring(name.indexOf('.', "blk.".length()) + 1);
    }
  }

  /** Returns a name for a block. */
  static String inBlock(String name, int block) {
    return name.replace(".N.", ".%d.".formatted(block));
  }
}
