package io.github.wandacuda.job.structure;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.BlockScore;
import io.github.wandacuda.calibration.ExpertScore;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.checkpoint.gguf.GgufRemoval;
import io.github.wandacuda.error.ErrorDetails;
import io.github.wandacuda.error.InputException;
import io.github.wandacuda.error.UsageException;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.RemovedParts;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.model.family.DecoderFamilies;
import io.github.wandacuda.model.removal.BlockRemoval;
import io.github.wandacuda.model.removal.Removal;
import io.github.wandacuda.model.removal.WidthRemoval;
import io.github.wandacuda.pruning.recipe.Structure;
import io.github.wandacuda.pruning.recipe.Structure.Update;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;

/**
 * The search for the mix of blocks, heads, and channels or experts whose removal costs least. Of
 * blocks and heads none, some, and as many as the share has room for are tried with each other;
 * channels or experts make up the rest. Each mix is removed and fitted with three quarters of the
 * samples, and measured on the others.
 */
public record StructureSearch(
    ModelDirectory model,
    Backend backend,
    Calibration.FromSamples samples,
    RemovalRequest asked,
    Update update,
    Progress progress) {
  private static final int PARTS = 4;

  /** The part of the search that scores blocks, beside trials that take several times as long. */
  private static final double CHOOSING = 0.1;

  /** Shares that no mix makes up are near nothing or near all. */
  private static final double HALF = 0.5;

  /**
   * A mix that was tried.
   *
   * @param share of the blocks' parameters that it is
   * @param perplexity on the samples that are held back; infinite if it isn't finite
   */
  public record Trial(RemovedParts removed, double share, double perplexity) {
    public Map<String, Object> toJson() {
      Map<String, Object> object = planned();
      object.put("perplexity", Double.isFinite(perplexity) ? perplexity : null);
      return object;
    }

    /** Returns what is known of it before it is measured. */
    public Map<String, Object> planned() {
      Map<String, Object> object = new LinkedHashMap<>();
      removed.kinds().keySet().forEach(kind -> object.put(kind.label(), removed.count(kind)));
      object.put("share", share);
      return object;
    }
  }

  /**
   * Returns how many samples of a number are held back, to measure on.
   *
   * @throws UsageException if they are too few
   */
  public static int held(int samples) {
    if (samples < PARTS) {
      throw new UsageException(
          "`structure` auto: expected %d samples at least, found %d".formatted(PARTS, samples));
    }
    return samples / PARTS;
  }

  /** Returns how much of a run is done when it has tried so many mixes. */
  static double share(int mixes) {
    return 1 - (1 - CHOOSING) / (mixes + 1);
  }

  /**
   * Tries mixes.
   *
   * @param known whether samples run; else mixes are returned that haven't been measured, as a plan
   * @return them, the best first; of a plan the one that leaves most
   */
  public List<Trial> run(boolean known) {
    double ratio = asked.parts().share().fraction();
    int held = held(samples.samples().size());
    int used = samples.samples().size() - held;
    Calibration.FromSamples some =
        new Calibration.FromSamples(
            samples.samples().subList(0, used), "", samples.seed(), samples.joined());
    StructureChoice choice =
        new StructureChoice(
            model, backend, some, known, progress.within("choosing blocks, ", 0, CHOOSING));
    long parameters = model.blockParameters();
    List<RemovedParts> mixes = mixes(ratio, ratio * parameters, choice);
    if (!known) {
      return mixes.stream()
          .map(mix -> new Trial(mix, (double) saved(mix) / parameters, Double.NaN))
          .sorted(Comparator.comparing(Trial::share))
          .toList();
    }
    List<Trial> trials = new ArrayList<>();
    for (RemovedParts mix : mixes) {
      int number = trials.size();
      // The best mix is removed once more, with all samples, when the search has ended.
      double each = (1 - CHOOSING) / (mixes.size() + 1);
      Progress trial =
          progress.within(
              "mix %d of %d, ".formatted(number + 1, mixes.size()),
              CHOOSING + number * each,
              CHOOSING + (number + 1) * each);
      StructureFit.Result result =
          new StructureFit(model, mix, asked, update, samples, backend).run(null, held, trial);
      trials.add(new Trial(mix, (double) saved(mix) / parameters, result.perplexity()));
    }
    trials.sort((one, other) -> Double.compare(one.perplexity, other.perplexity));
    return trials;
  }

  /** Returns the mixes that are tried; those that have the same parts once. */
  private List<RemovedParts> mixes(double ratio, double wanted, StructureChoice choice) {
    Optional<Removal> blocks = found(Structure.BLOCKS);
    Optional<Removal> heads = found(Structure.HEADS);
    Structure filler =
        found(Structure.CHANNELS).isPresent() ? Structure.CHANNELS : Structure.EXPERTS;
    Removal rest =
        found(filler)
            .orElseThrow(
                () ->
                    ErrorDetails.file(model.config().file())
                        .wrong("dense MLPs of one width, or experts", "others"));
    StructureChoice scored = filler == Structure.EXPERTS ? choice.scored() : choice;
    List<Integer> order =
        blocks.map(all -> order(choice, (BlockRemoval) all, ratio)).orElse(List.of());
    int period = blocks.map(all -> Math.max(1, ((BlockRemoval) all).period())).orElse(1);
    List<RemovedParts> mixes = new ArrayList<>();
    for (int gone : new TreeSet<>(List.of(0, order.size() / 2 / period * period, order.size()))) {
      RemovedParts first = new RemovedParts(new TreeMap<>());
      if (gone > 0) {
        first = first.with(Structure.BLOCKS, RemovedParts.blocks(order.subList(0, gone)));
      }
      int step = heads.map(Removal::step).orElse(1);
      int most = heads.map(all -> mostHeads(all, ratio)).orElse(0);
      for (int group : new TreeSet<>(List.of(0, Math.min(step, most), most))) {
        mix(first, group, filler, rest, wanted, scored).ifPresent(mixes::add);
      }
    }
    if (mixes.isEmpty()) {
      throw ErrorDetails.of("`sparsity`")
          .wrong(
              "a share of the blocks' parameters that whole %s, heads and blocks can make up"
                  .formatted(filler.label()),
              "%s, which is %s".formatted(ratio, ratio < HALF ? "too little" : "too much"));
    }
    return mixes;
  }

  private static int mostHeads(Removal heads, double ratio) {
    int most = Math.min(heads.size() - 1, (int) Math.ceil(heads.size() * ratio));
    return most / heads.step() * heads.step();
  }

  private static List<Integer> order(StructureChoice choice, BlockRemoval blocks, double ratio) {
    int period = Math.max(1, blocks.period());
    int most = Math.min((int) (blocks.size() * ratio + 0.2), blocks.size() - 2) / period * period;
    return most < 1 || blocks.period() == 0
        ? List.of()
        : choice.blocks(blocks, most, BlockScore.LOSS).blocks();
  }

  /** Adds heads and what makes up the rest, unless they are more than is wanted. */
  private Optional<RemovedParts> mix(
      RemovedParts first,
      int heads,
      Structure filler,
      Removal rest,
      double wanted,
      StructureChoice choice) {
    int blocks = DecoderFamilies.shape(model).blocks();
    RemovedParts mix = heads == 0 ? first : first.withFirst(Structure.HEADS, blocks, heads);
    try {
      if (heads > 0) {
        Structure.HEADS.find(model).requireRemovable(heads);
      }
      long before = saved(mix);
      double left = wanted - before;
      int step = rest.step();
      double each = (double) (saved(filled(mix, filler, rest, step, choice)) - before) / step;
      int multiple = asked.parts().multiple();
      int unit =
          rest instanceof WidthRemoval channels ? channels.unit(multiple) : Math.max(1, multiple);
      int kept = (int) Math.round((rest.size() - left / each) / unit) * unit;
      int count =
          filler == Structure.CHANNELS
              ? rest.size() - kept
              : (int) Math.round(left / each / step) * step;
      if (left < -each * unit) {
        return Optional.empty();
      }
      if (count > 0) {
        rest.requireRemovable(count);
        mix = filled(mix, filler, rest, count, choice);
      }
      if (model.isGguf()) {
        GgufRemoval unused = mix.gguf(model, false);
      }
      return mix.kinds().isEmpty() ? Optional.empty() : Optional.of(mix);
    } catch (InputException | UsageException e) {
      return Optional.empty(); // These can't go together.
    }
  }

  /** Returns a mix with so many channels of each block, or experts, besides. */
  private RemovedParts filled(
      RemovedParts mix, Structure filler, Removal rest, int count, StructureChoice choice) {
    if (filler == Structure.CHANNELS) {
      return mix.withFirst(filler, DecoderFamilies.shape(model).blocks(), count);
    }
    RemovedParts chosen = choice.choose(filler, rest, count, ExpertScore.REAP.label()).removed();
    return mix.with(filler, chosen.of(filler));
  }

  private Optional<Removal> found(Structure kind) {
    try {
      return Optional.of(kind.find(model));
    } catch (InputException e) {
      return Optional.empty();
    }
  }

  private long saved(RemovedParts mix) {
    return mix.kinds().isEmpty() ? 0 : model.parameters() - mix.plan(model).opened().parameters();
  }
}
