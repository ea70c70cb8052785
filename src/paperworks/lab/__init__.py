"""What a claim measures with: data made from a seed, short fair training, instruments.

Import from the files, so that a measurement depends on what it uses and no more.

    seeds       stream: a generator for one purpose; fresh: a network with weights of its own
    split       Split: training, validation and, once, test examples
    fit         fit: mini-batch training, the same for every arm; cosine: a schedule; adam
    score       accuracy and other numbers read off predictions
    segmentation mean_iou of classes of pixels; near_edges: the band around their borders
    depth       errors of depth maps, with and without alignment in scale and shift
    calibration reliability in bins of confidence, and the errors read off it
    views       moved, recolored: other looks at the same images, as a generator has it
    neighbors   neighbor_accuracy: what the nearest neighbours of features know
    detection   boxes: overlap, anchors, matching, suppression, average precision
    given       replaceable: data that a run is given, in place of what is made here
    real/       what readers have: folders of images, COCO, depth, graphs, text
    saved       counting: bytes kept for the backward pass
    suppression surest: what a detector says is there, class by class
    pictures    PSNR, SSIM and luma; pictures made smaller and larger
    data/       one file a kind of data, everything drawn from the seed
"""
