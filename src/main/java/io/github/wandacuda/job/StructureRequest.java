package io.github.wandacuda.job;

import io.github.wandacuda.checkpoint.DirectIo.IoMode;
import io.github.wandacuda.checkpoint.SafetensorsFile;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.Structure.Update;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * A request to remove whole parts of a model.
 *
 * @param asked by what it was chosen
 * @param removed what goes; which channels or heads is only found while they are removed, so these
 *     are as many others
 * @param chosenShare how much of the run is done when the parts are chosen, as progress tells it
 * @param update what happens to the weights that read what is left
 * @param files that are read beside the model, by what they are
 * @param resume whether the output may hold an interrupted or finished run
 * @param verify whether what was written is read back and compared
 * @param card whether the output gets a model card that says what was done
 */
public record StructureRequest(
    Path output,
    RemovalRequest asked,
    RemovedParts removed,
    double chosenShare,
    Update update,
    Calibration calibration,
    Map<String, List<Path>> files,
    long shardBytes,
    boolean resume,
    boolean verify,
    boolean card,
    IoMode io) {
  /** Returns the bytes of a model's largest shard, which shards of a smaller one may have too. */
  public static long largestShard(ModelDirectory model) {
    return model.checkpoint().shards().stream()
        .mapToLong(SafetensorsFile::byteSize)
        .max()
        .orElseThrow();
  }
}
