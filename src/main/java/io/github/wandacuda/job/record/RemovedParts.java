package io.github.wandacuda.job.record;

import io.github.wandacuda.checkpoint.gguf.GgufRemoval;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.removal.StructurePlan;
import io.github.wandacuda.pruning.recipe.Structure;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The parts of a model that go.
 *
 * @param kinds by their kind, the numbers by block, all of them the source's; of a block that goes
 *     itself, none
 */
public record RemovedParts(SortedMap<Structure, SortedMap<Integer, List<Integer>>> kinds) {
  public RemovedParts {
    SortedMap<Structure, SortedMap<Integer, List<Integer>>> copy = new TreeMap<>();
    kinds.forEach(
        (kind, blocks) -> copy.put(kind, Collections.unmodifiableSortedMap(new TreeMap<>(blocks))));
    kinds = Collections.unmodifiableSortedMap(copy);
  }

  public static RemovedParts of(Structure kind, SortedMap<Integer, List<Integer>> blocks) {
    return new RemovedParts(new TreeMap<>(Map.of(kind, blocks)));
  }

  public static SortedMap<Integer, List<Integer>> blocks(List<Integer> blocks) {
    SortedMap<Integer, List<Integer>> removed = new TreeMap<>();
    blocks.forEach(block -> removed.put(block, List.of()));
    return removed;
  }

  /** Returns the same with others of a kind, of which nothing is known but how many they are. */
  public RemovedParts withFirst(Structure kind, int blocks, int count) {
    SortedMap<Integer, List<Integer>> first = new TreeMap<>();
    for (int block = 0; block < blocks; block++) {
      if (!of(Structure.BLOCKS).containsKey(block)) {
        first.put(block, IntStream.range(0, count).boxed().toList());
      }
    }
    return with(kind, first);
  }

  public RemovedParts with(Structure kind, SortedMap<Integer, List<Integer>> blocks) {
    SortedMap<Structure, SortedMap<Integer, List<Integer>>> all = new TreeMap<>(kinds);
    all.put(kind, blocks);
    return new RemovedParts(all);
  }

  public SortedMap<Integer, List<Integer>> of(Structure kind) {
    return kinds.getOrDefault(kind, new TreeMap<>());
  }

  /** Returns how many of a kind each block loses, or how many blocks go. */
  public int count(Structure kind) {
    return kind == Structure.BLOCKS
        ? of(kind).size()
        : of(kind).values().stream().mapToInt(List::size).findFirst().orElse(0);
  }

  /** Returns the same without what is only found while it is removed. */
  public RemovedParts known() {
    SortedMap<Structure, SortedMap<Integer, List<Integer>>> known = new TreeMap<>(kinds);
    known.keySet().removeIf(Structure::isOfWidth);
    return new RemovedParts(known);
  }

  /** Returns the blocks of a model that stay. */
  public List<Integer> left(int blocks) {
    return IntStream.range(0, blocks)
        .boxed()
        .filter(block -> !of(Structure.BLOCKS).containsKey(block))
        .toList();
  }

  /** Returns the model without them. */
  public StructurePlan plan(ModelDirectory model) {
    StructurePlan plan = null;
    for (Structure kind : kinds.keySet()) {
      SortedMap<Integer, List<Integer>> own = new TreeMap<>(of(kind));
      if (kind.isOfWidth()) {
        // Blocks that went before have left others their numbers.
        List<List<Integer>> values = new ArrayList<>(own.values());
        own.clear();
        values.forEach(numbers -> own.put(own.size(), numbers));
      }
      StructurePlan next = kind.find(plan == null ? model : plan.opened()).without(own);
      plan = plan == null ? next : plan.then(next);
    }
    return plan == null ? StructurePlan.whole(model) : plan;
  }

  /**
   * Returns a model in GGUF without them.
   *
   * @param described whether the model's keys say what was done
   * @throws io.github.wandacuda.error.WandaException if they can't be removed of it
   */
  public GgufRemoval gguf(ModelDirectory model, boolean described) {
    GgufRemoval smaller = GgufRemoval.whole(model.checkpoint());
    for (Structure kind : kinds.keySet()) {
      smaller =
          switch (kind) {
            case EXPERTS -> smaller.keepExperts(kept(kind, model));
            case BLOCKS -> smaller.removeBlocks(of(kind).keySet());
            case CHANNELS -> smaller.keepChannels(renumbered(kept(kind, model)));
            case HEADS -> smaller.keepHeads(renumbered(kept(kind, model)));
            case AUTO -> throw new IllegalStateException(kind.label());
          };
    }
    return described
        ? smaller.described("Without %s, by wanda-cuda.".formatted(said(model)))
        : smaller;
  }

  /** Returns how many of what go, such as "1 of 4 experts a block". */
  private String said(ModelDirectory model) {
    return kinds.keySet().stream()
        .map(kind -> kind.went(count(kind), kind.find(model).size()))
        .collect(Collectors.joining(", "));
  }

  /** Returns the numbers of what stays of a kind, by block. */
  private SortedMap<Integer, List<Integer>> kept(Structure kind, ModelDirectory model) {
    int size = kind.find(model).size();
    SortedMap<Integer, List<Integer>> kept = new TreeMap<>();
    of(kind)
        .forEach(
            (block, numbers) -> {
              // Of channels there are thousands.
              Set<Integer> gone = Set.copyOf(numbers);
              kept.put(
                  block, IntStream.range(0, size).filter(n -> !gone.contains(n)).boxed().toList());
            });
    return kept;
  }

  /** Blocks that went before have left others their numbers. */
  private static SortedMap<Integer, List<Integer>> renumbered(
      SortedMap<Integer, List<Integer>> blocks) {
    SortedMap<Integer, List<Integer>> renumbered = new TreeMap<>();
    blocks.values().forEach(numbers -> renumbered.put(renumbered.size(), numbers));
    return renumbered;
  }

  /** Returns them as files and results have them: by kind if several may be mixed. */
  public Object written(Structure asked) {
    if (asked != Structure.AUTO) {
      return written(asked, of(asked));
    }
    Map<String, Object> all = new LinkedHashMap<>();
    kinds.forEach((kind, blocks) -> all.put(kind.label(), written(kind, blocks)));
    return all;
  }

  private static Object written(Structure kind, SortedMap<Integer, List<Integer>> blocks) {
    if (kind == Structure.BLOCKS) {
      return List.copyOf(blocks.keySet());
    }
    Map<String, Object> byBlock = new LinkedHashMap<>();
    blocks.forEach((block, numbers) -> byBlock.put(block.toString(), numbers));
    return byBlock;
  }

  /** Returns what is asked for of them: of channels and heads how many, of others which. */
  String asked() {
    return kinds.keySet().stream()
        .map(kind -> String.valueOf(kind.isOfWidth() ? count(kind) : written(kind, of(kind))))
        .collect(Collectors.joining(", "));
  }

  /** Returns what was written, if it has the form of parts of the kind. */
  static RemovedParts read(Structure asked, Object written) {
    try {
      return parts(asked, written);
    } catch (ClassCastException | NumberFormatException e) {
      throw ErrorDetails.of(Provenance.REMOVED)
          .wrong("parts as %s have them".formatted(asked.label()), String.valueOf(written), e);
    }
  }

  private static RemovedParts parts(Structure asked, Object written) {
    RemovedParts none = new RemovedParts(new TreeMap<>());
    if (asked != Structure.AUTO) {
      return none.with(asked, read(written));
    }
    RemovedParts all = none;
    for (Structure kind : Structure.values()) {
      Object own = written instanceof Map<?, ?> byKind ? byKind.get(kind.label()) : null;
      all = own == null ? all : all.with(kind, read(own));
    }
    return all;
  }

  @SuppressWarnings("unchecked") // Its form says so.
  private static SortedMap<Integer, List<Integer>> read(Object written) {
    if (written instanceof List<?> blocks) {
      return blocks((List<Integer>) blocks);
    }
    SortedMap<Integer, List<Integer>> byBlock = new TreeMap<>();
    if (written != null) {
      ((Map<String, List<Integer>>) written)
          .forEach((block, numbers) -> byBlock.put(Integer.valueOf(block), numbers));
    }
    return byBlock;
  }
}
