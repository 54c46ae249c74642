package io.github.wandacuda.model;

import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.NamePatterns;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.model.quantized.Quantization;
import io.github.wandacuda.model.quantized.QuantizedModule;
import io.github.wandacuda.model.quantized.QuantizedTensors;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Finds the linear modules inside the decoder blocks of any model by the names of its tensors: a
 * matrix called {@code ...layers.<n>.<module>.weight}, where {@code layers} may also be {@code
 * layer}, {@code h}, {@code block} or {@code blocks}. Embeddings, heads and projections are outside
 * the blocks and norms are vectors, so none of them is found. A matrix without elements has nothing
 * to prune, whatever its sizes, so that it isn't found either: it is copied as it is.
 */
public final class LinearModules {
  private static final Set<String> BLOCKS = Set.of("layer", "layers", "h", "block", "blocks");
  private static final Set<String> WEIGHTS =
      Set.of("weight", "qweight", "weight_packed", "weight_blocks");

  /** Towers for pictures and sound beside the decoder of a multimodal model. */
  private static final Pattern OTHER_TOWER =
      Pattern.compile("(?:^|\\.)(?:vision|visual|audio)\\w*\\.");

  private static final Pattern NO_LINEAR =
      Pattern.compile("embed|norm|rotary|(?:^|\\.)(?:wte|wpe)");
  private static final List<String> ROUTERS =
      List.of(".gate", ".shared_expert_gate", ".router", ".router.layer");

  /**
   * The part of a stack of experts. An expert is called by the stack's name and its number, unless
   * the stack's name has an ending.
   */
  private static final Pattern PART = Pattern.compile("\\.experts\\.(\\w+)_proj\\.\\d+$");

  /** Model types whose linear modules are Conv1D, stored as [in, out]. */
  private static final Set<String> CONV1D = Set.of("gpt2", "openai-gpt", "imagegpt");

  /** How the names of their architectures begin, for configs without a model type. */
  private static final Pattern CONV1D_ARCHITECTURE = Pattern.compile("GPT2|OpenAIGPT|ImageGPT");

  private LinearModules() {}

  /**
   * Returns all linear modules inside the decoder blocks, routers included, in code-point order of
   * their names.
   *
   * @throws InputException if a quantized weight's parts are missing or don't fit each other
   */
  public static List<LinearModule> of(ModelConfig config, Checkpoint checkpoint) {
    Optional<Quantization> quantization = config.quantization();
    Function<NamePatterns.Search, List<LinearModule>> work =
        search -> find(config, checkpoint, new QuantizedTensors(quantization, checkpoint, search));
    return quantization.isEmpty()
        ? work.apply(new NamePatterns.Search())
        : NamePatterns.inTime(ErrorDetails.file(quantization.get().file()), work);
  }

  private static List<LinearModule> find(
      ModelConfig config, Checkpoint checkpoint, QuantizedTensors quantized) {
    String type = config.modelType();
    Finder finder =
        new Finder(
            type.isEmpty()
                ? CONV1D_ARCHITECTURE.matcher(config.architecture()).lookingAt()
                : CONV1D.contains(type),
            checkpoint.tensors().anyMatch(entry -> hasPart(entry.info().name(), "decoder")),
            config.decoder().root().path("hidden_size").asInt(0),
            FurtherBlocks.of(config, checkpoint),
            quantized);
    return checkpoint
        .tensors()
        .filter(entry -> entry.info().isMatrix() && entry.info().elements() > 0)
        .flatMap(entry -> finder.module(entry).stream())
        .sorted(Comparator.comparing(LinearModule::name, TensorNames.ORDER))
        .toList();
  }

  /**
   * Returns the towers beside the decoder of a multimodal model, and how many parameters each has:
   * no forward pass runs them, and nothing in them is pruned.
   *
   * @return the number of parameters by the tower's prefix in tensors' names, such as {@code
   *     model.vision_tower}
   */
  public static Map<String, Long> towers(Checkpoint checkpoint) {
    Map<String, Long> towers = new TreeMap<>(TensorNames.ORDER);
    checkpoint
        .tensors()
        .map(Checkpoint.Entry::info)
        .forEach(
            tensor -> {
              Matcher tower = OTHER_TOWER.matcher(tensor.name());
              if (tower.find()) {
                String name = tensor.name().substring(0, tower.end() - 1);
                towers.merge(name, tensor.elements(), Long::sum);
              }
            });
    return towers;
  }

  /** Returns whether a name is of a tower beside the decoder. */
  public static boolean isOfOtherTower(String name) {
    return OTHER_TOWER.matcher(name).find();
  }

  /**
   * Returns whether one of the parts of a name that dots divide is {@code part}, and isn't the
   * last. Regular expressions for this took a third of the time to find the modules of a mixture.
   */
  static boolean hasPart(String name, String part) {
    return ("." + name).contains("." + part + ".");
  }

  /**
   * What decides which tensors are linear modules in one model.
   *
   * @param conv1d whether the model's weights are stored as [in, out]
   * @param hasDecoder whether tensors' names say which are the decoder's, so that an encoder's
   *     aren't
   * @param hidden the hidden size, or 0 if the config doesn't say
   * @param further the blocks that predict further tokens
   * @param quantized finds the scales of codes
   */
  private record Finder(
      boolean conv1d,
      boolean hasDecoder,
      int hidden,
      FurtherBlocks further,
      QuantizedTensors quantized) {
    /** Returns the module whose weight a tensor is, or nothing if it is another tensor. */
    Optional<LinearModule> module(Checkpoint.Entry entry) {
      String tensor = entry.info().name();
      int inside = insideOfBlock(tensor);
      int end = tensor.lastIndexOf('.');
      if (inside < 0 || inside >= end || !WEIGHTS.contains(tensor.substring(end + 1))) {
        return Optional.empty();
      }
      String before = tensor.substring(0, inside);
      if (isOfOtherTower(before)
          || (hasDecoder && hasPart(before, "encoder"))
          || NO_LINEAR.matcher(tensor.substring(inside, end)).find()) {
        return Optional.empty();
      }
      String name = tensor.substring(0, end);
      boolean stored = conv1d || isTransposed(name, entry);
      QuantizedModule codes = quantized.find(name, stored).orElse(null);
      return Optional.of(
          new LinearModule(
              name,
              entry.shard(),
              entry.info(),
              codes == null ? stored : !codes.hasDenseRows(),
              ROUTERS.stream().anyMatch(("." + name)::endsWith),
              further.have(name),
              codes));
    }

    /**
     * Returns whether a stack's part is stored as [in, out]: of stacks whose name has no ending the
     * experts are, unless the hidden size shows that it is the other way round.
     */
    private boolean isTransposed(String name, Checkpoint.Entry entry) {
      Matcher part = PART.matcher(name);
      String stack = name.substring(0, name.lastIndexOf('.'));
      if (entry.shard().tensor(stack).isEmpty() || !part.find()) {
        return false;
      }
      List<Long> shape = entry.info().shape();
      boolean down = part.group(1).equals("down");
      boolean rows = shape.get(0) == hidden;
      boolean columns = shape.get(1) == hidden;
      return rows == columns || (down ? columns : rows);
    }
  }

  /**
   * Returns the index in a name right behind the block's number and its dot, or -1 if there is
   * none. The name is read part by part, since a regular expression would recurse once a part and
   * could overflow the stack.
   */
  private static int insideOfBlock(String tensor) {
    boolean numbered = false;
    int from = 0;
    for (int dot = tensor.indexOf('.'); dot > from; dot = tensor.indexOf('.', from)) {
      String part = tensor.substring(from, dot);
      from = dot + 1;
      if (numbered && part.chars().allMatch(c -> c >= '0' && c <= '9')) {
        return from;
      }
      numbered = BLOCKS.contains(part);
    }
    return -1;
  }

  /**
   * Returns the number of the decoder block that a module is in, by its name.
   *
   * @param name as in the checkpoint, with or without {@code .weight}
   * @return nothing if the name has no such number, or one beyond an int
   */
  public static OptionalInt block(String name) {
    int inside = insideOfBlock(name);
    if (inside < 0) {
      return OptionalInt.empty();
    }
    String digits = name.substring(name.lastIndexOf('.', inside - 2) + 1, inside - 1);
    try {
      return OptionalInt.of(Integer.parseInt(digits));
    } catch (NumberFormatException e) {
      return OptionalInt.empty();
    }
  }

  /**
   * Returns the part of a module's name behind its block's number, such as {@code mlp.up_proj}.
   *
   * @return nothing if the name has no block's number
   */
  public static Optional<String> withinBlock(String name) {
    int inside = insideOfBlock(name);
    return inside < 0 ? Optional.empty() : Optional.of(name.substring(inside));
  }
}
