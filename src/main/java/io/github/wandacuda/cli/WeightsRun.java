package io.github.wandacuda.cli;

import io.github.wandacuda.backend.Backend;
import io.github.wandacuda.calibration.Progress;
import io.github.wandacuda.cli.option.BackendOptions;
import io.github.wandacuda.cli.option.ModelOption;
import io.github.wandacuda.job.cluster.OnCluster;
import io.github.wandacuda.job.estimate.RunNeeds;
import io.github.wandacuda.job.prune.PruneJob;
import io.github.wandacuda.job.record.Calibration;
import io.github.wandacuda.job.record.ComputedOn;
import io.github.wandacuda.job.record.PruneRequest;
import io.github.wandacuda.job.record.SmallerModel;
import io.github.wandacuda.model.ModelDirectory;
import io.github.wandacuda.pruning.recipe.PruningRules;
import java.util.Optional;

/**
 * Prunes the weights of a model.
 *
 * @param model the one that was named, or what is left of it
 * @param made what was done to the one that was named, if parts of it were removed
 */
record WeightsRun(
    PruneCommand command, PruneInputs inputs, ModelDirectory model, Optional<SmallerModel> made) {
  /** Prunes the weights, or says what that would do and take. */
  void run() {
    try (PruneRequest.MasksIn masks = command.maskFiles.open(model)) {
      PruneRequest request = request(Optional.ofNullable(masks));
      PruneJob job = job(request);
      ModelOption.sayChosen(job.chosen(), command.output);
      if (command.target.inPlace() && !command.dryRun) {
        command.target.confirm(request, job.chosen().size());
      }
      try (Backend backend = command.backends.open(command.output)) {
        say(job, request, backend);
        if (command.dryRun) {
          PrunePlan plan = plan(request, job, backend);
          command.output.result(plan.toJson(), plan::text);
        } else {
          run(job, request, backend);
        }
      }
    }
  }

  private PruneRequest request(Optional<PruneRequest.MasksIn> masks) {
    PruningRules rules = command.methods.plan().rules();
    return PruneRequest.of(inputs.place(), rules)
        .choice(command.modules.choice())
        .calibration(rules.needNorms() ? inputs.calibration() : new Calibration.None())
        .verify(command.target.verify())
        .resume(command.resumes())
        .masks(masks)
        .packed(command.target.packed())
        .card(command.target.card())
        .storage(command.target.storage())
        .files(command.files(rules.needNorms()))
        .smaller(made)
        .build();
  }

  /** Says what a run needs, and which option does nothing for it. */
  private void say(PruneJob job, PruneRequest request, Backend backend) {
    if (backend.precision().isPresent()
        && !command.calibrations.fromSamples(request.rules())
        && !command.evaluation.given()) {
      command.output.warnIfGiven("no text runs through the model", BackendOptions.PRECISION);
    }
    RunNeeds needs = job.needs(backend);
    command.output.detail(
        "plan: %s, %s; %d bytes to read, %d to write, %d of memory besides the heap",
        request.rules().label(),
        request.rules().amount(),
        needs.readBytes(),
        needs.writeBytes(),
        needs.memoryBytes());
  }

  private PrunePlan plan(PruneRequest request, PruneJob job, Backend backend) {
    job.requireRoom(backend);
    Progress progress = command.output.progress();
    PlanPrinter.openBlocks(model, request.calibration(), backend, progress);
    return new PrunePlan(
        request,
        ComputedOn.of(backend),
        job.chosen(),
        job.needs(backend),
        job.estimate(
            backend, command.methods.plan().allocations(), command.evaluation.windows(), progress),
        command.target.part().map(part -> PartShare.of(part, model.checkpoint().shards())));
  }

  /** Runs the job: as a part of several, on a cluster, or in this process. */
  private void run(PruneJob job, PruneRequest request, Backend backend) {
    if (command.target.part().isPresent()) {
      PruneRequest shared = share(job, request, backend, Optional.empty());
      command.target.runPart(
          command.backends,
          (part, process) ->
              new PruneRun(command, model, shared, backend, inputs.results(), inputs.memory())
                  .run(place(job, shared).part(part, process)));
      return;
    }
    command.cluster.runAnyway(
        command.backends,
        command.output,
        RunNeeds.processBytes(model, request.calibration() instanceof Calibration.FromSamples)
            + (request.rules().needMoments() ? RunNeeds.momentsBytes(job.chosen()) : 0),
        on -> {
          PruneRequest shared = share(job, request, backend, on);
          PruneJob placed = place(job, shared);
          new PruneRun(command, model, shared, backend, inputs.results(), inputs.memory())
              .run(on.map(placed::on).orElse(placed));
        });
  }

  private PruneRequest share(
      PruneJob job, PruneRequest request, Backend backend, Optional<OnCluster> on) {
    return command.methods.plan().shares()
        ? command.allocating(
            () ->
                command
                    .methods
                    .plan()
                    .share(request, model, job.chosen(), backend, on, command.output.progress()))
        : request;
  }

  /** Returns the job of a request whose modules may have got shares of their own. */
  private PruneJob place(PruneJob job, PruneRequest shared) {
    return command.methods.plan().shares() ? job(shared) : job;
  }

  private PruneJob job(PruneRequest request) {
    return command.target.inPlace()
        ? PruneJob.inPlace(model, request)
        : PruneJob.toOutput(model, request);
  }
}
