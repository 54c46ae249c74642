package io.github.wandacuda.model;

import com.fasterxml.jackson.databind.JsonNode;
import io.github.wandacuda.checkpoint.Checkpoint;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.checkpoint.SlicedTensor;
import io.github.wandacuda.checkpoint.TensorNames;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.Printable;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Comparator;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The experts of a model's mixtures, and the model without some of them. They are found by the
 * names of their tensors and nothing in these is interpreted, so it works for any family and any
 * format of weights: an expert's own tensors go or get another number; of a tensor that has a part
 * of each expert, such as the router's, the parts stay that are wanted.
 *
 * <p>All mixtures keep the same number, which the config says; blocks that predict several tokens
 * would be counted by it too, and go.
 */
public final class ExpertRemoval {
  private static final Pattern EXPERT = Pattern.compile("(.+)\\.experts\\.(\\d{1,6})\\.(.+)");
  private static final Pattern STACK =
      Pattern.compile(
          "(.+)\\.experts\\.\\D.*|(.+\\.block_sparse_moe)\\.(?:input|output)_linear\\..+");

  /** What is behind a mixture's name in its router's tensors, which have a part of each expert. */
  private static final Pattern ROUTER = Pattern.compile("(?:gate|router)\\..+");

  private static final Pattern ROUTER_WEIGHT =
      Pattern.compile("(?:gate|router)(?:\\.(?:layer|wg|classifier))?\\.weight");
  private static final Pattern ROUTER_VECTOR =
      Pattern.compile(
          "(?:(?:gate|router)(?:\\.(?:layer|wg|classifier))?\\.bias)"
              + "|(?:(?:gate|router|moe_statics)\\.)?(?:e_score_correction_bias|expert_bias)");

  /** An entry of a list of modules that names an expert by its number. */
  private static final Pattern NUMBERED = Pattern.compile("experts\\\\?\\.\\(?[0-9]");

  private static final Set<String> FLOATS = Set.of("F64", "F32", "F16", "BF16");

  private static final List<String> COUNTS =
      List.of("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts");
  private static final List<String> PER_TOKEN =
      List.of(
          "num_experts_per_tok", "num_experts_per_token", "experts_per_token", "moe_topk", "moe_k");
  private static final String GROUPS = "n_group";
  private static final String CHOSEN_GROUPS = "topk_group";

  private final ModelDirectory model;
  private final ErrorDetails place;
  private final FurtherBlocks further;
  private final List<Checkpoint.Entry> stored;

  /** By the number of their blocks. */
  private final SortedMap<Integer, Mixture> mixtures = new TreeMap<>();

  private final int experts;
  private final int groups;

  private ExpertRemoval(ModelDirectory model) {
    this.model = model;
    place = ErrorDetails.file(model.config().file());
    further = FurtherBlocks.of(model.config(), model.checkpoint());
    stored = stored(model.checkpoint().shards());
    find();
    experts = count();
    groups = number(GROUPS, 1);
    if (experts % groups != 0) {
      throw place.part(GROUPS).wrong("a divisor of the %d experts".formatted(experts), groups);
    }
    mixtures.values().forEach(mixture -> mixture.check(experts));
    requireUnnumbered();
  }

  /**
   * Finds a model's experts.
   *
   * @throws InputException if it has none, they aren't alike, or the config doesn't say how many
   *     there are
   */
  public static ExpertRemoval of(ModelDirectory model) {
    model.requireUnpacked("removing experts");
    return new ExpertRemoval(model);
  }

  private static List<Checkpoint.Entry> stored(List<SafetensorsFile> shards) {
    return shards.stream()
        .flatMap(shard -> shard.stored().stream().map(info -> new Checkpoint.Entry(shard, info)))
        .toList();
  }

  /** The tensors of a mixture. */
  private static final class Mixture {
    final String name;

    /** Each expert's own, by its number and what follows that in their names. */
    final SortedMap<Integer, SortedMap<String, Checkpoint.Entry>> own = new TreeMap<>();

    /** Those that have a part of each expert. */
    final List<Checkpoint.Entry> stacks = new ArrayList<>();

    final List<Checkpoint.Entry> vectors = new ArrayList<>();
    Checkpoint.Entry router;

    Mixture(String name) {
      this.name = name;
    }

    String routerModule() {
      String tensor = router.info().name();
      return tensor.substring(0, tensor.lastIndexOf('.'));
    }

    void check(int experts) {
      Set<String> endings = new TreeSet<>();
      own.values().forEach(tensors -> endings.addAll(tensors.keySet()));
      for (int expert = 0; expert < (own.isEmpty() ? 0 : experts); expert++) {
        for (String ending : endings) {
          if (!own.containsKey(expert) || !own.get(expert).containsKey(ending)) {
            throw ErrorDetails.file(
                    own.firstEntry().getValue().firstEntry().getValue().shard().path())
                .tensor("%s.experts.%d.%s".formatted(name, expert, ending))
                .wrong("it, as of other experts", "that it is missing");
          }
        }
      }
      if (!own.isEmpty() && own.lastKey() >= experts) {
        Checkpoint.Entry more = own.lastEntry().getValue().firstEntry().getValue();
        throw at(more).wrong("one of the %d experts of config.json".formatted(experts), "another");
      }
      stacks.stream()
          .filter(stack -> stack.info().elements() != 1)
          .forEach(stack -> require(stack, experts, 0));
      require(router, experts, 0);
      if (!FLOATS.contains(router.info().dtype())) {
        throw at(router)
            .wrong("a router that isn't quantized", Printable.of(router.info().dtype()));
      }
      vectors.forEach(vector -> require(vector, experts, dimension(vector)));
    }

    private static void require(Checkpoint.Entry entry, int experts, int dimension) {
      List<Long> shape = entry.info().shape();
      if (shape.size() <= dimension
          || shape.get(dimension) != experts
          || entry.info().bytes() % experts != 0) {
        throw at(entry)
            .wrong("a shape of %d experts, as config.json says".formatted(experts), shape);
      }
    }

    /** Returns the dimension of a vector that experts are along: ERNIE has a row of them. */
    private static int dimension(Checkpoint.Entry vector) {
      List<Long> shape = vector.info().shape();
      return shape.size() == 2 && shape.get(0) == 1 ? 1 : 0;
    }

    /** Returns what is left of one of its tensors; nothing if the tensor's expert goes. */
    Stream<SlicedTensor> keep(Checkpoint.Entry entry, List<Integer> kept) {
      Matcher expert = EXPERT.matcher(entry.info().name());
      if (expert.matches()) {
        int number = kept.indexOf(Integer.parseInt(expert.group(2)));
        return number < 0
            ? Stream.empty()
            : Stream.of(
                SlicedTensor.whole(
                    "%s.experts.%d.%s".formatted(name, number, expert.group(3)), entry));
      }
      boolean sliced =
          entry.equals(router)
              || vectors.contains(entry)
              || (stacks.contains(entry) && entry.info().elements() != 1);
      return Stream.of(
          sliced
              ? SlicedTensor.of(entry, vectors.contains(entry) ? dimension(entry) : 0, kept)
              : SlicedTensor.whole(entry.info().name(), entry));
    }
  }

  private static ErrorDetails at(Checkpoint.Entry entry) {
    return ErrorDetails.file(entry.shard().path()).tensor(entry.info().name());
  }

  private void find() {
    Map<String, Mixture> byName = new HashMap<>();
    for (Checkpoint.Entry entry : stored) {
      String tensor = entry.info().name();
      Matcher expert = EXPERT.matcher(tensor);
      Matcher stack = STACK.matcher(tensor);
      if (expert.matches()) {
        int number = Integer.parseInt(expert.group(2));
        byName
            .computeIfAbsent(expert.group(1), Mixture::new)
            .own
            .computeIfAbsent(number, first -> new TreeMap<>())
            .put(expert.group(3), entry);
      } else if (stack.matches()) {
        String name = stack.group(1) == null ? stack.group(2) : stack.group(1);
        byName.computeIfAbsent(name, Mixture::new).stacks.add(entry);
      }
    }
    stored.forEach(entry -> takeRouters(entry, byName));
    for (Mixture mixture : byName.values()) {
      if (mixture.router == null) {
        throw ErrorDetails.file(model.path())
            .tensor(mixture.name + ".gate.weight")
            .wrong("a mixture's router", "that it is missing");
      }
      OptionalInt block = LinearModules.block(mixture.router.info().name());
      if (!further.have(mixture.router.info().name())
          && (block.isEmpty() || mixtures.put(block.getAsInt(), mixture) != null)) {
        throw at(mixture.router).wrong("one mixture in each block", "another");
      }
    }
    if (mixtures.isEmpty()) {
      throw place.wrong("a mixture of experts", "tensors of none");
    }
  }

  /** Takes a tensor of a mixture's router to its mixture. */
  private static void takeRouters(Checkpoint.Entry entry, Map<String, Mixture> byName) {
    String tensor = entry.info().name();
    for (int dot = tensor.lastIndexOf('.'); dot > 0; dot = tensor.lastIndexOf('.', dot - 1)) {
      Mixture mixture = byName.get(tensor.substring(0, dot));
      String rest = tensor.substring(dot + 1);
      if (mixture == null) {
        continue;
      }
      if (ROUTER_WEIGHT.matcher(rest).matches()) {
        mixture.router = entry;
      } else if (ROUTER_VECTOR.matcher(rest).matches()) {
        mixture.vectors.add(entry);
      } else if (ROUTER.matcher(rest).matches()) {
        throw at(entry)
            .wrong("a router of a weight and biases that aren't quantized", "this tensor");
      }
    }
  }

  /** Returns the number of experts, as all keys say that are there. */
  private int count() {
    Set<Integer> said = new LinkedHashSet<>();
    for (String key : COUNTS) {
      values(key).values().stream()
          .filter(value -> !value.isNull())
          .forEach(value -> said.add(positive(key, value)));
    }
    if (said.size() != 1) {
      throw place
          .part(String.join(", ", COUNTS))
          .wrong("one number of experts", said.isEmpty() ? "none" : said);
    }
    return said.iterator().next();
  }

  private int positive(String key, JsonNode value) {
    if (!value.canConvertToInt() || !value.isIntegralNumber() || value.intValue() < 1) {
      throw place.part(key).wrong("a whole number from 1 on", Printable.of(value.toString()));
    }
    return value.intValue();
  }

  private int number(String key, int otherwise) {
    return model.config().decoder().find(key).map(value -> positive(key, value)).orElse(otherwise);
  }

  /** Returns the values of a key, by its path. */
  private Map<String, JsonNode> values(String key) {
    Map<String, JsonNode> values = new TreeMap<>();
    JsonNode root = model.config().root();
    JsonNode text = root.path(StructurePlan.TEXT);
    if (root.has(key)) {
      values.put(key, root.get(key));
    }
    if (text.has(key)) {
      values.put(StructurePlan.TEXT + "." + key, text.get(key));
    }
    return values;
  }

  /** Refuses settings of single experts, which would be other ones' afterwards. */
  private void requireUnnumbered() {
    Quantization.of(model.config())
        .ifPresent(
            quantization -> {
              Matcher numbered = NUMBERED.matcher(quantization.settings().toString());
              if (numbered.find()) {
                throw ErrorDetails.file(quantization.file())
                    .part(quantization.key())
                    .wrong("no experts by their numbers, which change", numbered.group() + "...");
              }
            });
  }

  /** Returns how many experts each mixture has. */
  public int experts() {
    return experts;
  }

  /** Returns how many experts a share is: as many of each group. */
  public int share(double ratio) {
    return (int) (experts * ratio / groups) * groups;
  }

  /**
   * Chooses the experts of each mixture with the lowest scores, of equal ones the first: as many of
   * each group.
   *
   * @param count how many
   * @param scores returns a score of each expert by the router's name
   * @return the experts that go, by the mixture's block
   * @throws InputException if so many can't go
   */
  public SortedMap<Integer, List<Integer>> lowest(int count, Function<String, float[]> scores) {
    requireRemovable(count);
    SortedMap<Integer, List<Integer>> removed = new TreeMap<>();
    mixtures.forEach(
        (block, mixture) -> {
          float[] own = scores.apply(mixture.routerModule());
          int size = experts / groups;
          removed.put(
              block,
              IntStream.range(0, groups)
                  .boxed()
                  .flatMap(
                      group ->
                          IntStream.range(group * size, (group + 1) * size)
                              .boxed()
                              .sorted(Comparator.comparing(expert -> own[expert]))
                              .limit(count / groups))
                  .sorted()
                  .toList());
        });
    return removed;
  }

  /** Checks that so many experts of each mixture can go. */
  public void requireRemovable(int count) {
    int kept = experts - count;
    if (count < 1 || kept < 1) {
      throw place
          .hint("a mixture keeps one at least, and one goes at least")
          .wrong("1 to %d experts to remove of %d".formatted(experts - 1, experts), count);
    }
    int chosen = groups == 1 ? 1 : number(CHOSEN_GROUPS, groups);
    if (count % groups != 0 || (groups > 1 && kept / groups < 2)) {
      throw place
          .part(GROUPS)
          .wrong(
              "as many experts of each of %d groups to remove, and 2 that stay".formatted(groups),
              "%d of %d".formatted(count, experts));
    }
    for (String key : PER_TOKEN) {
      for (JsonNode value : values(key).values()) {
        int perToken = value.isArray() ? value.path(0).asInt(0) : value.asInt(0);
        if (perToken > kept / groups * chosen) {
          throw place
              .part(key)
              .wrong(
                  "at most the %d experts that a token can be sent to without %d of %d"
                      .formatted(kept / groups * chosen, count, experts),
                  perToken);
        }
      }
    }
  }

  /**
   * Returns the model without some experts.
   *
   * @param removed those that go, by the mixture's block
   * @throws InputException if they aren't as many of each mixture, or so many can't go
   */
  public StructurePlan without(Map<Integer, List<Integer>> removed) {
    List<Integer> first = removed.isEmpty() ? List.of() : removed.values().iterator().next();
    requireRemovable(first.size());
    Map<Checkpoint.Entry, Mixture> of = new HashMap<>();
    Map<Mixture, List<Integer>> kept = new HashMap<>();
    if (!removed.keySet().equals(mixtures.keySet())) {
      throw place
          .part("blocks")
          .wrong("those with mixtures, " + mixtures.keySet(), removed.keySet());
    }
    mixtures.forEach(
        (block, mixture) -> {
          Set<Integer> gone = new TreeSet<>(removed.get(block));
          List<Integer> left =
              IntStream.range(0, experts).boxed().filter(expert -> !gone.contains(expert)).toList();
          if (gone.size() != removed.get(block).size() || left.size() != experts - first.size()) {
            throw place
                .part("block " + block)
                .wrong(
                    "%d of the experts 0 to %d".formatted(first.size(), experts - 1),
                    removed.get(block));
          }
          kept.put(mixture, left);
          mixture.own.values().stream()
              .map(SortedMap::values)
              .flatMap(Collection::stream)
              .forEach(entry -> of.put(entry, mixture));
          Stream.of(mixture.stacks, mixture.vectors, List.of(mixture.router))
              .flatMap(List::stream)
              .forEach(entry -> of.put(entry, mixture));
        });
    boolean drops =
        stored.stream()
            .map(entry -> entry.info().name())
            .anyMatch(name -> further.have(name) && isExpert(name));
    List<SlicedTensor> tensors = new ArrayList<>();
    for (Checkpoint.Entry entry : stored) {
      Mixture mixture = of.get(entry);
      if (mixture != null) {
        mixture.keep(entry, kept.get(mixture)).forEach(tensors::add);
      } else if (!drops || !further.have(entry.info().name())) {
        tensors.add(SlicedTensor.whole(entry.info().name(), entry));
      }
    }
    SortedMap<String, Long> config = new TreeMap<>(TensorNames.ORDER);
    edit(COUNTS, experts - first.size(), config);
    if (drops) {
      edit(FurtherBlocks.COUNTS, 0, config);
    }
    return new StructurePlan(model, tensors, config);
  }

  private static boolean isExpert(String tensor) {
    return EXPERT.matcher(tensor).matches() || STACK.matcher(tensor).matches();
  }

  private void edit(List<String> keys, long number, Map<String, Long> config) {
    for (String key : keys) {
      values(key)
          .forEach(
              (path, value) -> {
                if (value.isIntegralNumber() && value.longValue() != number) {
                  config.put(path, number);
                }
              });
    }
  }
}
