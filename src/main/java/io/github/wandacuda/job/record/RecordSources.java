package io.github.wandacuda.job.record;

import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** What a record says about the files and samples that its run read beside the model. */
public final class RecordSources {
  private RecordSources() {}

  /** Returns the digest of the file that describes a family; null if there is none. */
  public static String familyDigest(List<Path> files) {
    return digest("a description of a family", files);
  }

  /**
   * Returns the digest of files that are read beside the model.
   *
   * @param what they are, for messages
   * @return null if there are none
   */
  public static String digest(String what, List<Path> files) {
    return files == null ? null : SourceDigest.ofFiles(what, files, "");
  }

  /** Returns a record's values about the samples or statistics from which a run takes its norms. */
  public static Map<String, Object> calibration(Calibration calibration) {
    Map<String, Object> values = new LinkedHashMap<>();
    if (calibration instanceof Calibration.FromSamples samples) {
      values.put("samples", samples.samples().size());
      values.put("sequence_length", samples.sequenceLength());
      values.put("seed", samples.seed());
      if (samples.joined()) {
        values.put("join", true);
      }
      values.put("calibration_sha256", samples.sha256());
    }
    if (calibration instanceof Calibration.FromStatistics statistics) {
      values.put("statistics_sha256", statistics.sha256().get());
    }
    return values;
  }

  /** Returns files' names without their folders, which may differ between equal runs. */
  public static Map<String, String> names(Map<String, List<Path>> files) {
    Map<String, String> names = new LinkedHashMap<>();
    files.forEach(
        (what, paths) ->
            names.put(
                what,
                paths.stream()
                    .map(path -> path.getFileName().toString())
                    .collect(Collectors.joining(", "))));
    return names.isEmpty() ? null : names;
  }
}
