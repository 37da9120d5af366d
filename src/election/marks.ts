import {
  ANNOTATION_EPOCH,
  ANNOTATION_KEY_MAP,
  ANNOTATION_RENEWAL,
  ANNOTATION_RESOURCE,
  ANNOTATION_TRANSFER,
  type Shard,
  shardLabels,
} from "../lease/names.ts";
import { transferText } from "../lease/transfer.ts";
import type { SentWrite } from "./elector.ts";

/** What a Lease of ours says beside its record. */
export interface LeaseMarks {
  /** A Lease that lacks one of them was made by another program, and is given it. */
  readonly labels: Readonly<Record<string, string>>;
  /** `epoch` is that of the term in which the write is sent; `null` takes an annotation off. */
  readonly annotations: (write: SentWrite, epoch: string | undefined) => Readonly<Record<string, string | null>>;
}

/** The marks of a shard Lease: whose it is, how keys are mapped, how it is kept alive, and how it came to its holder. */
export function shardMarks(coordinator: string, shard: Shard): LeaseMarks {
  return {
    labels: shardLabels(coordinator, shard),
    annotations: (write, epoch) => {
      if (write.kind === "release") return {};
      if (write.kind === "transfer") {
        const { holder: to, transitions } = write.record;
        const transfer = transferText({ to, transitions, replaced: write.replaces });
        return { [ANNOTATION_EPOCH]: null, [ANNOTATION_TRANSFER]: transfer };
      }
      return {
        [ANNOTATION_RESOURCE]: shard.resource,
        [ANNOTATION_KEY_MAP]: shard.keyMap,
        [ANNOTATION_RENEWAL]: write.renewal,
        // The epoch is the resourceVersion of the write that begins a term, so that this write cannot carry it yet.
        [ANNOTATION_EPOCH]: epoch ?? null,
        [ANNOTATION_TRANSFER]: null,
      };
    },
  };
}

/** A Lease that stands alone, as client-go writes it: nothing but the record, and the user's own labels. */
export function plainMarks(labels: Readonly<Record<string, string>>): LeaseMarks {
  return { labels, annotations: () => ({}) };
}
