package io.github.wandacuda.model.removal;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SlicedTensor;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import io.github.wandacuda.io.JsonText;
import io.github.wandacuda.io.JsonTree;
import io.github.wandacuda.model.FurtherBlocks;
import io.github.wandacuda.model.LinearModules;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.quantized.Quantization;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * The experts of a model's mixtures, and the model without some of them. Experts are found by the
 * names of their tensors, whose content isn't interpreted, so any family and any format of weights
 * works. An expert's own tensors are removed or renumbered. Of a tensor that has a part for each
 * expert, such as the router's, the parts of the remaining experts are kept.
 *
 * <p>All mixtures keep the same number of experts, which the config says. Blocks that predict
 * several tokens are removed, since the config would count their experts, too.
 */
public final class ExpertRemoval implements Removal {
  private static final Pattern EXPERT = Pattern.compile("(.+)\\.experts\\.(\\d{1,6})\\.(.+)");
  private static final Pattern STACK =
      Pattern.compile("(.+)(?:\\.experts\\.\\D|(?<=\\.block_sparse_moe)\\.(?:in|out)put_linear).*");

  /** Matches the end of a router's tensor's name, behind the mixture's name. */
  private static final Pattern ROUTER = Pattern.compile("(?:gate|router)\\..+");

  private static final String INNER = "(?:gate|router)(?:\\.(?:layer|wg|classifier))?\\.";
  private static final Pattern ROUTER_WEIGHT = Pattern.compile(INNER + "weight");
  private static final Pattern ROUTER_VECTOR =
      Pattern.compile(
          INNER
              + "bias|(?:(?:gate|router|moe_statics)\\.)?(?:e_score_correction_bias|expert_bias)");

  /** Matches an expert's number in a list of modules. */
  private static final Pattern NUMBERED = Pattern.compile("experts\\\\*\\.\\(?[0-9]");

  private static final Set<String> FLOATS = Set.of("F64", "F32", "F16", "BF16");
  private static final List<String> COUNTS =
      List.of("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts");
  private static final List<String> PER_TOKEN =
      List.of(
          "num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_topk", "moe_k");
  private static final String GROUPS = "n_group";

  private final ModelDirectory model;
  private final ErrorDetails place;
  private final FurtherBlocks further;

  /** All tensors, in their order. */
  private final List<Part> parts = new ArrayList<>();

  /** The routers' weights by their mixtures' names. */
  private final Map<String, Part> routers = new HashMap<>();

  /** The mixtures' names by their blocks. */
  private final SortedMap<Integer, String> mixtures = new TreeMap<>();

  private final int experts;
  private final int groups;

  /**
   * Finds a model's experts.
   *
   * @throws InputException if it has none, they aren't alike, or the config doesn't say how many
   *     there are
   */
  public ExpertRemoval(ModelDirectory model) {
    model.requireUnpacked("removing experts");
    this.model = model;
    place = ErrorDetails.file(model.config().file());
    further = FurtherBlocks.of(model.config(), model.checkpoint());
    find();
    experts = count();
    groups = number(GROUPS, 1);
    if (experts % groups != 0) {
      throw place.part(GROUPS).wrong("a divisor of the %d experts".formatted(experts), groups);
    }
    parts.forEach(part -> part.check(experts));
    requireAll();
    model.config().quantization().ifPresent(ExpertRemoval::requireUnnumbered);
  }

  /**
   * A tensor, and its part in a mixture.
   *
   * @param entry the tensor
   * @param mixture the name of the mixture, or null for none
   * @param expert the expert to which the tensor belongs, or -1
   * @param rest the end of its name, behind the expert's or the mixture's
   * @param dimension along which it has a part for each expert, or -1
   */
  private record Part(
      Checkpoint.Entry entry, String mixture, int expert, String rest, int dimension) {
    String name() {
      return entry.info().name();
    }

    ErrorDetails at() {
      return ErrorDetails.tensor(entry.shard().path(), name());
    }

    void check(int experts) {
      List<Long> shape = entry.info().shape();
      boolean fits =
          dimension < 0
              || (shape.size() > dimension
                  && shape.get(dimension) == experts
                  && entry.info().bytes() % experts == 0);
      if (!fits) {
        throw at().wrong("a shape of %d experts, as config.json says".formatted(experts), shape);
      }
      if (expert >= experts) {
        throw at().wrong("one of the %d experts of config.json".formatted(experts), "another");
      }
    }
  }

  private static Part part(Checkpoint.Entry entry, Set<String> mixtures) {
    String tensor = entry.info().name();
    List<Long> shape = entry.info().shape();
    Matcher expert = EXPERT.matcher(tensor);
    if (expert.matches()) {
      int number = Integer.parseInt(expert.group(2));
      return new Part(entry, expert.group(1), number, expert.group(3), -1);
    }
    Matcher stack = STACK.matcher(tensor);
    if (stack.matches()) {
      // A single number for all experts is a scale of activations.
      return new Part(entry, stack.group(1), -1, tensor, entry.info().elements() == 1 ? -1 : 0);
    }
    for (int dot = tensor.lastIndexOf('.'); dot > 0; dot = tensor.lastIndexOf('.', dot - 1)) {
      String rest = tensor.substring(dot + 1);
      if (!mixtures.contains(tensor.substring(0, dot))) {
        continue;
      }
      // ERNIE stores corrections as a row.
      boolean row = shape.size() == 2 && shape.get(0) == 1;
      boolean weight = ROUTER_WEIGHT.matcher(rest).matches();
      Part part = new Part(entry, tensor.substring(0, dot), -1, rest, row && !weight ? 1 : 0);
      if (weight ? FLOATS.contains(entry.info().dtype()) : ROUTER_VECTOR.matcher(rest).matches()) {
        return part;
      }
      if (ROUTER.matcher(rest).matches()) {
        throw part.at()
            .wrong("a router that isn't quantized", Printable.of(entry.info().dtype()) + " there");
      }
    }
    return new Part(entry, null, -1, tensor, -1);
  }

  private void find() {
    Set<String> names = new TreeSet<>();
    List<Part> named = model.checkpoint().stored().map(entry -> part(entry, Set.of())).toList();
    named.stream().map(Part::mixture).filter(Objects::nonNull).forEach(names::add);
    named.forEach(part -> parts.add(part.mixture() == null ? part(part.entry(), names) : part));
    parts.stream()
        .filter(part -> part.mixture() != null && ROUTER_WEIGHT.matcher(part.rest()).matches())
        .forEach(part -> routers.put(part.mixture(), part));
    for (String name : names) {
      Part router = routers.get(name);
      if (router == null) {
        throw missing(name + ".gate.weight");
      }
      int block = LinearModules.block(router.name()).orElse(-1);
      if (!further.have(router.name()) && mixtures.put(block, name) != null) {
        throw router.at().wrong("one mixture in each block", "another");
      }
    }
    if (mixtures.isEmpty()) {
      throw place
          .hint("`structure` channels, heads, blocks or auto remove parts of it")
          .wrong("a mixture of experts", "a dense model, which has no experts to remove");
    }
  }

  private InputException missing(String tensor) {
    return ErrorDetails.tensor(model.path(), tensor)
        .wrong("it, as of other experts and mixtures", "that it is missing");
  }

  /** Checks that each expert of a mixture has tensors of the same names. */
  private void requireAll() {
    Map<String, Set<String>> endings = new TreeMap<>();
    Set<String> names = new HashSet<>();
    for (Part part : parts) {
      names.add(part.name());
      if (part.expert() >= 0) {
        endings.computeIfAbsent(part.mixture(), first -> new TreeSet<>()).add(part.rest());
      }
    }
    endings.forEach(
        (mixture, all) -> {
          for (int expert = 0; expert < experts; expert++) {
            for (String ending : all) {
              String name = own(mixture, expert, ending);
              if (!names.contains(name)) {
                throw missing(name);
              }
            }
          }
        });
  }

  private static String own(String mixture, int expert, String ending) {
    return mixture + ".experts." + expert + "." + ending;
  }

  /**
   * Refuses quantization settings of single experts, which would apply to others after renumbering.
   */
  private static void requireUnnumbered(Quantization quantization) {
    Matcher numbered = NUMBERED.matcher(JsonText.line(JsonTree.plain(quantization.settings())));
    if (numbered.find()) {
      throw ErrorDetails.part(quantization.file(), quantization.key())
          .wrong("no experts by their numbers, which change", numbered.group() + "...");
    }
  }

  /** Returns the number of experts, in which all keys that the config has must agree. */
  private int count() {
    Set<Integer> said = new TreeSet<>();
    COUNTS.forEach(
        key ->
            model.config().values(key).values().forEach(value -> said.add(positive(key, value))));
    if (said.size() != 1) {
      throw place
          .part(String.join(", ", COUNTS))
          .wrong("one number of experts", said.isEmpty() ? "none" : said);
    }
    return said.iterator().next();
  }

  private int positive(String key, JsonNode value) {
    if (!value.isInt() || value.intValue() < 1) {
      throw place.part(key).wrong("a whole number from 1 on", Printable.of(value.toString()));
    }
    return value.intValue();
  }

  private int number(String key, int otherwise) {
    return model.config().decoder().find(key).map(value -> positive(key, value)).orElse(otherwise);
  }

  @Override
  public int size() {
    return experts;
  }

  /**
   * Returns how many experts of a mixture a share is, rounded down to the same number of each
   * group.
   */
  @Override
  public int share(double ratio, int multiple) {
    return (int) (experts * ratio / groups) * groups;
  }

  /**
   * Chooses the experts of each mixture with the lowest scores, of equal ones the first; as many of
   * each group.
   *
   * @param count how many of each mixture
   * @param scores returns the scores of a mixture's experts by the full name of its router's module
   * @return the numbers of the experts to remove, rising within a group, by the mixture's block
   * @throws InputException if so many can't be removed
   */
  public SortedMap<Integer, List<Integer>> lowest(int count, Function<String, float[]> scores) {
    requireRemovable(count);
    int size = experts / groups;
    SortedMap<Integer, List<Integer>> removed = new TreeMap<>();
    mixtures.forEach(
        (block, name) -> {
          String router = routers.get(name).name();
          float[] own = scores.apply(router.substring(0, router.lastIndexOf('.')));
          List<Integer> lowest = new ArrayList<>();
          for (int group = 0; group < groups; group++) {
            IntStream.range(group * size, (group + 1) * size)
                .boxed()
                .sorted(Comparator.comparing(expert -> own[expert]))
                .limit(count / groups)
                .sorted()
                .forEach(lowest::add);
          }
          removed.put(block, lowest);
        });
    return removed;
  }

  @Override
  public int step() {
    return groups;
  }

  @Override
  public void requireRemovable(int count) {
    int kept = experts - count;
    if (count < 1 || kept < 1) {
      throw place.wrong(
          "1 to %d of the %d experts of each mixture to remove".formatted(experts - 1, experts),
          count);
    }
    if (count % groups != 0 || (groups > 1 && kept / groups < 2)) {
      throw place
          .part(GROUPS)
          .wrong(
              "as many experts of each of %d groups to remove, and 2 that stay".formatted(groups),
              "%d of %d".formatted(count, experts));
    }
    int most = kept / groups * (groups == 1 ? 1 : number("topk_group", groups));
    for (String key : PER_TOKEN) {
      for (JsonNode value : model.config().values(key).values()) {
        if ((value.isArray() ? value.path(0) : value).asInt(0) > most) {
          throw place
              .part(key)
              .wrong(
                  "at least %s experts to stay, as many as a token is sent to".formatted(value),
                  "%d when %d of %d go".formatted(most, count, experts));
        }
      }
    }
  }

  @Override
  public StructurePlan without(Map<Integer, List<Integer>> removed) {
    if (!removed.keySet().equals(mixtures.keySet())) {
      throw place
          .part("blocks")
          .wrong("those with mixtures, " + mixtures.keySet(), removed.keySet());
    }
    int count = removed.get(mixtures.firstKey()).size();
    requireRemovable(count);
    Map<String, List<Integer>> kept = new HashMap<>();
    mixtures.forEach(
        (block, name) -> {
          List<Integer> gone = removed.get(block);
          List<Integer> left =
              IntStream.range(0, experts).boxed().filter(each -> !gone.contains(each)).toList();
          if (gone.size() != count || left.size() != experts - count) {
            throw place
                .part("block " + block)
                .wrong("%d of the experts 0 to %d".formatted(count, experts - 1), gone);
          }
          kept.put(name, left);
        });
    boolean drops = routers.size() > mixtures.size();
    List<SlicedTensor> tensors = new ArrayList<>();
    for (Part part : parts) {
      if (!drops || !further.have(part.name())) {
        add(part, kept.get(part.mixture()), tensors);
      }
    }
    SortedMap<String, Object> config = new TreeMap<>();
    COUNTS.forEach(
        key ->
            model.config().values(key).keySet().forEach(path -> config.put(path, experts - count)));
    if (drops) {
      config.putAll(FurtherBlocks.none(model.config()));
    }
    return new StructurePlan(model, tensors, config);
  }

  /** Adds what remains of a tensor; nothing if its expert is removed. */
  private static void add(Part part, List<Integer> kept, List<SlicedTensor> tensors) {
    if (part.expert() >= 0) {
      int number = kept.indexOf(part.expert());
      if (number >= 0) {
        tensors.add(SlicedTensor.whole(own(part.mixture(), number, part.rest()), part.entry()));
      }
    } else if (part.dimension() >= 0) {
      tensors.add(SlicedTensor.of(part.entry(), part.dimension(), kept));
    } else {
      tensors.add(SlicedTensor.whole(part.name(), part.entry()));
    }
  }
}
