package io.github.wandacuda.pruning.recipe;

import io.github.wandacuda.error.Suggestion;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;

/**
 * Names under which papers and other programs know methods, and what does the same here or comes
 * nearest to it. Options stand in backquotes, which the command line turns into its own words.
 */
final class PublishedNames {
  private static final String FITS = "`update` ";
  private static final String SHARES = "`allocation` ";
  private static final String REMOVES = "`structure` ";

  /** The names without case, spaces, hyphens and underscores, and what each is here. */
  private static final Map<String, String> HERE = new TreeMap<>();

  static {
    // Methods that are here by another option.
    is("ALPS", FITS + "alps", "alps");
    is("realign", FITS + "realign", "realign");
    is("tune", FITS + "tune", "tune");
    is("reconstruct", FITS + "reconstruct", "reconstruct", "reconstruction");
    is("wanda", "`method` wanda", "wanda");
    is("magnitude", "`method` magnitude", "magnitude", "l1", "l1unstructured", "lnunstructured");
    is("RIA", "`method` ria", "ria", "plugandplay");
    is("wanda-variant", "`method` wanda-variant", "wandavariant");
    is("SparseGPT", "`method` sparsegpt", "sparsegpt");
    is("masks", "`method` masks", "masks");
    is(
        "MaskLLM",
        "`method` masks, once src/python/npz_masks.py made a file of what MaskLLM learned",
        "maskllm");
    is("swaps", "`refine` swaps", "swaps", "sparseswaps");
    is("OWL", SHARES + "owl", "owl");
    is("ATP", SHARES + "atp", "atp");
    is("DLP", SHARES + "dlp", "dlp");
    is("uniform", SHARES + "uniform", "uniform");
    is("FLAP", REMOVES + "channels or heads with `score` flap", "flap");
    is("Wanda-sp", REMOVES + "channels or heads with `score` wanda", "wandasp");
    is("Magnitude-sp", REMOVES + "channels or heads with `score` magnitude", "magnitudesp");
    is("REAP", REMOVES + "experts", "reap");
    is("EAN", REMOVES + "experts with `score` ean", "ean");
    is("ShortGPT", REMOVES + "blocks with `score` influence", "shortgpt", "blockinfluence");
    is("Shortened LLaMA", REMOVES + "blocks with `score` loss", "shortened", "shortenedllama");
    is("SLEB", REMOVES + "blocks with `score` loss", "sleb");
    is("angular distance", REMOVES + "blocks with `score` angular", "angular");
    is("removal of whole parts", REMOVES + "auto", "structured", "auto");
    is("removal of experts", REMOVES + "experts", "experts");
    is("removal of blocks", REMOVES + "blocks", "blocks", "layers", "depth");
    is("removal of channels", REMOVES + "channels", "channels", "width");
    is("removal of heads", REMOVES + "heads", "heads");
    is("semi-structured sparsity", "`pattern` 2:4", "2:4", "semistructured", "nm", "4:8");
    is("unstructured sparsity", "`sparsity` 0.5", "unstructured");

    // Methods that aren't here.
    nearest("ADMM", FITS + "alps, which solves the same problem by ADMM", "admm", "admmgrad");
    nearest("DSnoT", "`refine` swaps, which also swaps kept weights for pruned ones", "dsnot");
    nearest("OBS", "`method` sparsegpt, which approximates it", "obs", "obc");
    nearest("Thanos", "`method` sparsegpt", "thanos");
    nearest("Wanda++", "`method` wanda with `update` tune", "wanda++", "wandaplusplus");
    nearest("SparseLLM", FITS + "realign", "sparsellm");
    nearest("EBFT", FITS + "tune", "ebft");
    nearest("Pruner-Zero", "`method` ria", "prunerzero");
    nearest("GBLM-Pruner", "`method` wanda", "gblm", "gblmpruner");
    nearest("BESA", SHARES + "owl, which also gives each block a share of its own", "besa");
    nearest("AlphaPruning", SHARES + "owl", "alphapruning");
    nearest("EvoPress", SHARES + "owl", "evopress");
    nearest("LLM-Pruner", REMOVES + "channels or heads", "llmpruner");
    nearest("SliceGPT", REMOVES + "channels", "slicegpt");
    nearest("ZipLM", REMOVES + "channels or heads", "ziplm");
    nearest("CFSP", REMOVES + "channels", "cfsp");
    nearest("Sheared LLaMA", REMOVES + "auto", "shearedllama");
    nearest("Minitron", REMOVES + "auto", "minitron");
    nearest("NAEE", REMOVES + "experts", "naee");
    nearest("random pruning", "`method` magnitude", "random");
    HERE.put(
        "gptq",
        "GPTQ quantizes weights, and no option here does that; `method` sparsegpt fits kept weights"
            + " in the same way");
    for (String name : new String[] {"AWQ", "RTN", "SmoothQuant", "SpQR", "NF4", "AQLM", "QuIP"}) {
      HERE.put(
          name.toLowerCase(Locale.ROOT),
          name
              + " quantizes weights, and no option here does that; `method` wanda prunes them,"
              + " quantized ones too");
    }
  }

  private PublishedNames() {}

  /**
   * Adds a name of what is here.
   *
   * @param here the option that does it
   * @param spellings of the name, as {@link #plain} makes them
   */
  private static void is(String name, String here, String... spellings) {
    for (String spelling : spellings) {
      HERE.put(spelling, "%s is %s".formatted(name, here));
    }
  }

  /**
   * Adds a name of what isn't here.
   *
   * @param here the option that comes nearest
   * @param spellings of the name, as {@link #plain} makes them
   */
  private static void nearest(String name, String here, String... spellings) {
    for (String spelling : spellings) {
      HERE.put(spelling, "%s isn't there, the nearest is %s".formatted(name, here));
    }
  }

  /**
   * Returns a hint for a word that no option takes: what a published name is called here, or else
   * the word that was meant; null if neither can be told.
   *
   * @param known the words that the option takes
   */
  static String hint(String word, List<String> known) {
    String plain = plain(word);
    boolean taken = known.stream().map(PublishedNames::plain).anyMatch(plain::equals);
    String published = taken ? null : HERE.get(plain);
    return published == null ? Suggestion.hint(word, known) : published;
  }

  /** Returns a name without case, spaces, hyphens and underscores. */
  private static String plain(String name) {
    return name.toLowerCase(Locale.ROOT).replaceAll("[-_ ]", "");
  }
}
